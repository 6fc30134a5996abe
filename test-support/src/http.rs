//! One HTTP request at a time, for talking to a test server without an SDK.

use std::io;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::AbortHandle;

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
    request("POST", url, headers, body).await
}

/// Sends a request with any method; otherwise as [`post`].
///
/// # Errors
/// When there is no connection, or it ends before the answer has.
pub async fn request(
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: String,
) -> io::Result<Answer> {
    let mut stream = open(method, url, headers, body).await?;
    let mut text = Vec::new();
    while let Some(part) = stream.part().await? {
        text.extend_from_slice(&part);
    }
    Ok(Answer {
        status: stream.status,
        headers: stream.headers,
        body: String::from_utf8_lossy(&text).into_owned(),
    })
}

/// An answer whose body is still coming.
#[derive(Debug)]
pub struct Stream {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: hyper::HeaderMap,
    body: Incoming,
    /// What came after the last whole line.
    rest: Vec<u8>,
    _connection: AbortOnDrop,
}

/// Sends a request and waits for the head of the answer only.
///
/// # Errors
/// When there is no connection, or it ends before the answer begins.
pub async fn open(
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: String,
) -> io::Result<Stream> {
    let rest = url.strip_prefix("http://").ok_or_else(|| io::Error::other("not http://"))?;
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut request = Request::builder().method(method).uri(format!("/{path}"));
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
    let connection = AbortOnDrop(tokio::spawn(connection).abort_handle());
    let (head, body) = sender.send_request(request).await.map_err(io::Error::other)?.into_parts();
    Ok(Stream {
        status: head.status.as_u16(),
        headers: head.headers,
        body,
        rest: Vec::new(),
        _connection: connection,
    })
}

impl Stream {
    /// The next line without its end; `None` after the last one.
    ///
    /// # Errors
    /// When the connection breaks before the answer has ended.
    pub async fn line(&mut self) -> io::Result<Option<String>> {
        loop {
            if let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.rest.drain(..=end).collect();
                return Ok(Some(String::from_utf8_lossy(&line[..end]).into_owned()));
            }
            match self.part().await? {
                Some(part) => self.rest.extend_from_slice(&part),
                None if self.rest.is_empty() => return Ok(None),
                None => {
                    let line = std::mem::take(&mut self.rest);
                    return Ok(Some(String::from_utf8_lossy(&line).into_owned()));
                }
            }
        }
    }

    async fn part(&mut self) -> io::Result<Option<Bytes>> {
        while let Some(frame) = self.body.frame().await {
            if let Ok(data) = frame.map_err(io::Error::other)?.into_data() {
                return Ok(Some(data));
            }
        }
        Ok(None)
    }
}

/// Ends the task of a connection with whoever reads it.
#[derive(Debug)]
struct AbortOnDrop(AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
