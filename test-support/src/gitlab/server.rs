//! The HTTP server.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::http::request::Parts;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::{Site, git, store};

/// Serves for ever. Aborting the task it runs in closes every connection.
pub(super) async fn serve(listener: TcpListener, site: Arc<Site>) -> Infallible {
    let mut connections = JoinSet::new();
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            let site = Arc::clone(&site);
            connections.spawn(async move {
                let service = service_fn(move |request| {
                    let site = Arc::clone(&site);
                    async move { respond(&site, request).await }
                });
                // A client may close its side with the end of the request, and one that goes away
                // is no concern of the server.
                let _ = http1::Builder::new()
                    .half_close(true)
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
        while connections.try_join_next().is_some() {}
    }
}

/// An error here makes hyper close the connection without an answer.
async fn respond(site: &Site, request: Request<Incoming>) -> io::Result<Response<Full<Bytes>>> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let path = parts.uri.path();
    if path.starts_with(&format!("/{}/", git::PATH)) {
        return git_request(site, &parts, &body).await;
    }
    let (status, body) = if let Some(name) = path.strip_prefix("/cache/") {
        cache(site, &parts, name, body)
    } else {
        artifacts(site, &parts, &body)
    };
    Response::builder().status(status).body(Full::new(body)).map_err(io::Error::other)
}

/// `/api/v4/jobs/:id/artifacts`: the status codes are those of GitLab's API for runners.
fn artifacts(site: &Site, request: &Parts, body: &Bytes) -> (u16, Bytes) {
    let id = request.uri.path().strip_prefix("/api/v4/jobs/");
    let id = id.and_then(|rest| rest.strip_suffix("/artifacts")?.parse().ok());
    let Some(id) = id else { return (404, Bytes::new()) };
    if header(request, "job-token") != site.token {
        return (403, Bytes::new());
    }
    let key = store::artifacts(id);
    match request.method {
        Method::GET => found(site, &key),
        Method::POST => match store::file_of_form(header(request, "content-type"), body) {
            Some(file) => {
                site.store.put(key, file);
                (201, Bytes::new())
            }
            None => (400, Bytes::new()),
        },
        _ => (405, Bytes::new()),
    }
}

/// An object store, which asks for nothing but the signature in the URL.
fn cache(site: &Site, request: &Parts, name: &str, body: Bytes) -> (u16, Bytes) {
    if request.uri.query() != Some(format!("signature={}", site.signature).as_str()) {
        return (403, Bytes::new());
    }
    let key = store::cache(name);
    match request.method {
        Method::GET => found(site, &key),
        Method::PUT => {
            site.store.put(key, body);
            (200, Bytes::new())
        }
        _ => (405, Bytes::new()),
    }
}

fn found(site: &Site, key: &str) -> (u16, Bytes) {
    site.store.get(key).map_or((404, Bytes::new()), |archive| (200, archive))
}

/// As GitLab, asks for the job's token (RFC 7617); git offers it only when it is asked.
async fn git_request(
    site: &Site,
    request: &Parts,
    body: &Bytes,
) -> io::Result<Response<Full<Bytes>>> {
    let known = STANDARD.encode(format!("gitlab-ci-token:{}", site.token));
    let mut response = Response::builder();
    if header(request, "authorization") != format!("Basic {known}") {
        response = response.status(401).header("www-authenticate", "Basic realm=\"GitLab\"");
        return response.body(Full::default()).map_err(io::Error::other);
    }
    let answer = site.repository.answer(request, body).await?;
    response = response.status(answer.status);
    for (name, value) in answer.headers {
        response = response.header(name, value);
    }
    response.body(Full::new(answer.body)).map_err(io::Error::other)
}

fn header<'a>(request: &'a Parts, name: &str) -> &'a str {
    request.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}
