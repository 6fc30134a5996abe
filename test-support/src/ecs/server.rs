//! The HTTP server.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::dispatch::{Reply, answer};
use super::state::World;

/// Serves for ever. Aborting the task it runs in closes every connection.
pub(super) async fn serve(listener: TcpListener, world: Arc<World>) -> Infallible {
    let mut connections = JoinSet::new();
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            let world = Arc::clone(&world);
            connections.spawn(async move {
                let service = service_fn(move |request| {
                    let world = Arc::clone(&world);
                    async move { respond(&world, request).await }
                });
                // A client that goes away is no concern of the server.
                let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            });
        }
        while connections.try_join_next().is_some() {}
    }
}

/// An error here makes hyper close the connection without an answer.
async fn respond(
    world: &Arc<World>,
    request: Request<Incoming>,
) -> io::Result<Response<Full<Bytes>>> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let Some(reply) = answer(world, &parts, &body).await else {
        return Err(io::Error::other("the response is lost"));
    };
    write(reply)
}

fn write(reply: Reply) -> io::Result<Response<Full<Bytes>>> {
    Response::builder()
        .status(reply.status)
        .header("content-type", reply.content_type)
        .header("x-amzn-requestid", reply.request_id)
        .body(Full::new(Bytes::from(reply.body)))
        .map_err(io::Error::other)
}
