//! TCP connections, from their acceptance to their end.

use std::sync::Arc;
use std::time::Duration;

use russh::server::run_stream;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::gate::{Gate, Load};
use crate::handler::{Connection, Login};
use crate::server::Server;

/// How long a client may take to log in.
const LOGIN_TIME: Duration = Duration::from_secs(60);
/// A peer that vanished is noticed after about a minute: idle time, then three probes.
const PROBE_AFTER: Duration = Duration::from_secs(15);

/// Accepts connections until it is dropped.
pub(crate) async fn accept(server: &Arc<Server>, listener: &TcpListener) {
    // The semaphore is never closed, so the loop has no end of its own.
    while let Ok(permit) = Arc::clone(&server.logins).acquire_owned().await {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(serve(Arc::clone(server), stream, permit));
            }
            Err(error) => {
                // Mostly a lack of file descriptors, which passes.
                tracing::warn!(%error, "a connection could not be accepted");
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// Serves one connection to its end.
async fn serve(server: Arc<Server>, stream: TcpStream, permit: OwnedSemaphorePermit) {
    tune(&stream);
    let closed = server.closed.child_token();
    let logged_in = CancellationToken::new();
    let load = Arc::new(Load::default());
    let gate = Gate::new(stream, Arc::clone(&load), closed.clone());
    let login = Login { done: logged_in.clone(), _permit: permit };
    let handler = Connection::new(Arc::clone(&server), load, login);
    let greeted = timeout(LOGIN_TIME, run_stream(Arc::clone(&server.config), gate, handler)).await;
    let mut session = match greeted {
        Ok(Ok(session)) => session,
        Ok(Err(error)) => return tracing::debug!(%error, "a client did not speak SSH"),
        Err(_) => return tracing::debug!("a client said nothing"),
    };
    let early = tokio::select! {
        end = &mut session => Some(end),
        late = timeout(LOGIN_TIME, logged_in.cancelled()) => {
            if late.is_err() {
                tracing::warn!("a client did not log in in time");
                closed.cancel();
            }
            None
        }
    };
    let end = match early {
        Some(end) => end,
        None => {
            let _client = server.clients.token();
            session.await
        }
    };
    if let Err(error) = end {
        tracing::debug!(%error, "connection ended");
    }
}

/// Small packets at once, and probes by the kernel: unlike keepalives of the SSH protocol these
/// are answered while the client's program waits for whoever reads its output.
fn tune(stream: &TcpStream) {
    let probes = TcpKeepalive::new().with_time(PROBE_AFTER).with_interval(PROBE_AFTER);
    let probes = probes.with_retries(3);
    let set =
        stream.set_nodelay(true).and_then(|()| SockRef::from(stream).set_tcp_keepalive(&probes));
    if let Err(error) = set {
        tracing::warn!(%error, "socket options could not be set");
    }
}
