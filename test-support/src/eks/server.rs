//! The HTTP server.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;

use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::dispatch::{Reply, answer};
use super::state::{Cuts, World};
use crate::random;

type Answer = Response<BoxBody<Bytes, io::Error>>;

/// Serves for ever. Aborting the task it runs in closes every connection.
pub(super) async fn serve(listener: TcpListener, world: Arc<World>) -> Infallible {
    let mut connections = JoinSet::new();
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            let world = Arc::clone(&world);
            // From here on, so that a cut right after the accept counts.
            let mut cuts = world.cuts.subscribe();
            connections.spawn(async move {
                let session_cuts = cuts.clone();
                let service = service_fn(move |request| {
                    let (world, cuts) = (Arc::clone(&world), session_cuts.clone());
                    async move { respond(&world, request, cuts).await }
                });
                let connection = http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .with_upgrades();
                tokio::select! {
                    // A client that goes away is no concern of the server.
                    _ = connection => {}
                    _ = cuts.changed() => {}
                }
            });
        }
        while connections.try_join_next().is_some() {}
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
