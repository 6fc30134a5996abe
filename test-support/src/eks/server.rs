//! The HTTP server.

use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::dispatch::{Reply, answer};
use super::state::{Cut, Cuts, World};
use crate::random;

/// How many connections may wait to be accepted.
const BACKLOG: u32 = 1024;

type Answer = Response<BoxBody<Bytes, io::Error>>;

/// What the server is to do beside serving; answered when it is done.
#[derive(Debug)]
pub(super) enum Order {
    /// Close every connection and take no new ones.
    Stop(oneshot::Sender<io::Result<()>>),
    /// Go on.
    Start(oneshot::Sender<io::Result<()>>),
}

/// The port of the double.
enum Door {
    Open(TcpListener),
    /// Nobody listens, so that connections are refused, but the port is not anybody else's either.
    Shut {
        _place: TcpSocket,
    },
    /// The port is lost to somebody else.
    Lost,
}

/// Serves for ever. Aborting the task it runs in closes every connection.
pub(super) async fn serve(
    listener: TcpListener,
    world: Arc<World>,
    mut orders: mpsc::Receiver<Order>,
) -> Infallible {
    let mut connections = JoinSet::new();
    let mut door = Door::Open(listener);
    loop {
        tokio::select! {
            stream = accept(&door) => {
                connections.spawn(connection(Arc::clone(&world), stream));
            }
            Some(order) = orders.recv() => {
                let (answer, done);
                match order {
                    Order::Stop(when_done) => {
                        answer = when_done;
                        (door, done) = shut(world.at, door).await;
                        connections.shutdown().await;
                        world.cuts.send_replace(Cut { server_gone: true });
                    }
                    Order::Start(when_done) => {
                        answer = when_done;
                        (door, done) = open(world.at, door).await;
                    }
                }
                // Whoever asked may have gone.
                let _ = answer.send(done);
            }
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn accept(door: &Door) -> TcpStream {
    let Door::Open(listener) = door else { return pending().await };
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            return stream;
        }
    }
}

/// Closes the door, but keeps the port.
async fn shut(at: SocketAddr, door: Door) -> (Door, io::Result<()>) {
    if !matches!(door, Door::Open(_)) {
        return (door, Err(io::Error::other("the server is stopped already")));
    }
    drop(door);
    match patiently(|| bound(at)).await {
        Ok(socket) => (Door::Shut { _place: socket }, Ok(())),
        Err(error) => (Door::Lost, Err(error)),
    }
}

async fn open(at: SocketAddr, door: Door) -> (Door, io::Result<()>) {
    if !matches!(door, Door::Shut { .. }) {
        return (door, Err(io::Error::other("the server is not stopped")));
    }
    drop(door);
    match patiently(|| bound(at)?.listen(BACKLOG)).await {
        Ok(listener) => (Door::Open(listener), Ok(())),
        Err(error) => (Door::Lost, Err(error)),
    }
}

fn bound(at: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(at)?;
    Ok(socket)
}

/// The last of the old sockets may be gone only a moment later: a process that is just being
/// started holds everything open until its program begins.
async fn patiently<T>(take: impl Fn() -> io::Result<T>) -> io::Result<T> {
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        match take() {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && Instant::now() < until => {
                sleep(Duration::from_millis(2)).await;
            }
            taken => return taken,
        }
    }
}

/// Serves one connection until it ends or is cut.
fn connection(world: Arc<World>, stream: TcpStream) -> impl Future<Output = ()> {
    // From here on, so that a cut right after the accept counts.
    let mut cuts = world.cuts.subscribe();
    async move {
        let session_cuts = cuts.clone();
        let served = Arc::clone(&world);
        let service = service_fn(move |request| {
            let (world, cuts) = (Arc::clone(&served), session_cuts.clone());
            async move { respond(&world, request, cuts).await }
        });
        let connection = async {
            let stream = TokioIo::new(world.tls.welcome(stream).await?);
            let connection = http1::Builder::new().serve_connection(stream, service);
            connection.with_upgrades().await.map_err(io::Error::other)
        };
        tokio::select! {
            // A client that goes away is no concern of the server.
            _ = connection => {}
            _ = cuts.changed() => {}
        }
    }
}

/// An error here makes hyper close the connection without an answer.
async fn respond(
    world: &Arc<World>,
    mut request: Request<Incoming>,
    cuts: Cuts,
) -> io::Result<Answer> {
    let upgraded = hyper::upgrade::on(&mut request);
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let mut response = Response::builder()
        .header("audit-id", random::uuid())
        .header("x-amzn-requestid", random::uuid());
    match answer(world, &parts, &body).await {
        Reply::Cut => Err(io::Error::other("the response is lost")),
        Reply::Watch(lines) => response
            .header("content-type", "application/json")
            .body(lines.boxed())
            .map_err(io::Error::other),
        Reply::Upgrade(upgrade) => {
            for (name, value) in upgrade.headers() {
                response = response.header(name, value);
            }
            upgrade.run(world, upgraded, cuts);
            let body = Empty::new().map_err(|never| match never {});
            response.status(101).body(body.boxed()).map_err(io::Error::other)
        }
        Reply::Whole { status, headers, body } => {
            if !headers.iter().any(|(name, _)| *name == "content-type") {
                response = response.header("content-type", "application/json");
            }
            for (name, value) in headers {
                response = response.header(name, value);
            }
            let body = Full::new(Bytes::from(body)).map_err(|never| match never {});
            response.status(status).body(body.boxed()).map_err(io::Error::other)
        }
    }
}
