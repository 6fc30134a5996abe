//! An answer that goes on: one JSON text on each line.

use std::fmt;

use bytes::{Bytes, BytesMut};
use fargate_core::{Error, ErrorKind};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Body;
use tokio::time::{Instant, timeout_at};

use crate::call::Call;
use crate::error::{Failure, lost};

/// etcd takes objects of 1.5 MiB; a line of more than twice that is none of an API server's.
const LONGEST: usize = 4 << 20;

/// The lines of an answer, as they come.
pub(crate) struct Lines {
    call: Call,
    namespace: String,
    body: UnsyncBoxBody<Bytes, kube::Error>,
    until: Instant,
    /// What has come and was not taken yet, without a line's end in the first `searched` bytes.
    buffer: BytesMut,
    searched: usize,
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lines").field("call", &self.call).finish_non_exhaustive()
    }
}

impl Lines {
    /// Reads `body`, the answer to `call`, until `until` at most.
    pub(crate) fn new(
        call: Call,
        namespace: &str,
        body: impl Body<Data = Bytes, Error = kube::Error> + Send + 'static,
        until: Instant,
    ) -> Self {
        let body = body.boxed_unsync();
        let (namespace, buffer) = (namespace.to_owned(), BytesMut::new());
        Self { call, namespace, body, until, buffer, searched: 0 }
    }

    /// The next line; `None` once the answer has ended as it should.
    ///
    /// # Cancel safety
    /// Cancel-safe.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        loop {
            if let Some(line) = self.take() {
                return Ok(Some(line));
            }
            if self.buffer.len() > LONGEST {
                return Err(self.too_long());
            }
            match timeout_at(self.until, self.body.frame()).await {
                Ok(Some(Ok(frame))) => {
                    if let Ok(data) = frame.into_data() {
                        self.buffer.extend_from_slice(&data);
                    }
                }
                Ok(None) if self.buffer.is_empty() => return Ok(None),
                Ok(Some(Err(error))) => return Err(self.lost(Some(&error))),
                // In the middle of a line, or silent for longer than the answer was to last.
                Ok(None) | Err(_) => return Err(self.lost(None)),
            }
        }
    }

    fn take(&mut self) -> Option<Bytes> {
        let fresh = &self.buffer[self.searched..];
        let Some(length) = fresh.iter().position(|byte| *byte == b'\n') else {
            self.searched = self.buffer.len();
            return None;
        };
        let mut line = self.buffer.split_to(self.searched + length + 1);
        self.searched = 0;
        line.truncate(line.len() - 1);
        Some(line.freeze())
    }

    fn lost(&self, error: Option<&(dyn std::error::Error + 'static)>) -> Failure {
        lost(self.call, &self.namespace, error)
    }

    fn too_long(&self) -> Failure {
        let message = format!(
            "the answer to {} {} has a line of more than {LONGEST} bytes",
            self.call.verb, self.call.resource
        );
        Failure::of(Error::new(ErrorKind::Unexpected, self.call.op, message))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::stream;
    use http_body_util::StreamBody;
    use hyper::body::Frame;

    use super::*;
    use crate::call::WATCH_POD;

    fn lines(frames: &[&[u8]]) -> Lines {
        let frames: Vec<_> = frames
            .iter()
            .map(|frame| Ok::<_, kube::Error>(Frame::data(Bytes::copy_from_slice(frame))))
            .collect();
        let body = StreamBody::new(stream::iter(frames));
        Lines::new(WATCH_POD, "jobs", body, Instant::now() + Duration::from_secs(60))
    }

    #[tokio::test]
    async fn lines_are_whole_however_they_arrive() {
        let mut lines = lines(&[b"{\"a\"", b":1}\n{}\n", b"", b"{\"b\":2}", b"\n"]);
        let mut seen = Vec::new();
        while let Some(line) = lines.next().await.unwrap() {
            seen.push(line);
        }
        assert_eq!(seen, ["{\"a\":1}", "{}", "{\"b\":2}"]);
    }

    #[tokio::test]
    async fn an_end_within_a_line_is_a_lost_answer() {
        let mut lines = lines(&[b"{}\n{\"a\""]);
        assert!(lines.next().await.unwrap().is_some());
        assert_eq!(lines.next().await.unwrap_err().error.kind(), ErrorKind::Unavailable);
    }

    #[tokio::test]
    async fn a_line_without_end_is_refused() {
        let part = vec![b'x'; LONGEST / 4];
        let mut lines = lines(&[part.as_slice(); 8]);
        assert_eq!(lines.next().await.unwrap_err().error.kind(), ErrorKind::Unexpected);
    }

    #[tokio::test]
    async fn silence_beyond_its_time_is_a_lost_answer() {
        let silent = StreamBody::new(stream::pending::<Result<Frame<Bytes>, kube::Error>>());
        let until = Instant::now() + Duration::from_millis(20);
        let mut lines = Lines::new(WATCH_POD, "jobs", silent, until);
        assert_eq!(lines.next().await.unwrap_err().error.kind(), ErrorKind::Unavailable);
        assert!(Instant::now() >= until);
    }
}
