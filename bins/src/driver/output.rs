//! The script's output onto our own, byte for byte.

use std::io;

use fargate_core::{Error, ErrorKind, OutputSink, Result, Stream, async_trait};
use tokio::io::{AsyncWriteExt, Stderr, Stdout};

/// Passes a script's streams to this process's streams of the same name.
///
/// A write waits until the operating system has taken the bytes, so a runner that reads slowly
/// slows the script and costs no memory.
pub(super) struct Output {
    stdout: Stdout,
    stderr: Stderr,
}

impl Output {
    pub(super) fn new() -> Self {
        Self { stdout: tokio::io::stdout(), stderr: tokio::io::stderr() }
    }
}

#[async_trait]
impl OutputSink for Output {
    async fn write(&mut self, stream: Stream, data: &[u8]) -> Result<()> {
        match stream {
            Stream::Stdout => self.stdout.write_all(data).await,
            Stream::Stderr => self.stderr.write_all(data).await,
        }
        .map_err(failed)
    }

    async fn flush(&mut self) -> Result<()> {
        self.stdout.flush().await.map_err(failed)?;
        self.stderr.flush().await.map_err(failed)
    }
}

fn failed(error: io::Error) -> Error {
    Error::new(ErrorKind::Unexpected, "write the job log", error.to_string()).source(error)
}
