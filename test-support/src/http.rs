//! One HTTP request at a time, for talking to a test server without an SDK.

use std::io;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: hyper::HeaderMap,
    /// The whole body.
    pub body: String,
}

/// Sends a POST request over a connection of its own.
///
/// `url` is `http://host:port` with an optional path; `Host` is added, unless it is among the
/// headers.
///
/// # Errors
/// When there is no connection, or it ends before the answer has.
pub async fn post(url: &str, headers: &[(&str, &str)], body: String) -> io::Result<Answer> {
    let rest = url.strip_prefix("http://").ok_or_else(|| io::Error::other("not http://"))?;
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut request = Request::post(format!("/{path}"));
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
        request = request.header("host", authority);
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(Bytes::from(body))).map_err(io::Error::other)?;

    let stream = TcpStream::connect(authority).await?;
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    let connection = tokio::spawn(connection);
    let answer = async {
        let answer = sender.send_request(request).await?;
        let (head, body) = answer.into_parts();
        Ok((head, body.collect().await?.to_bytes()))
    };
    let answer: hyper::Result<_> = answer.await;
    connection.abort();
    let (head, body) = answer.map_err(io::Error::other)?;
    Ok(Answer {
        status: head.status.as_u16(),
        headers: head.headers,
        body: String::from_utf8_lossy(&body).into_owned(),
    })
}
