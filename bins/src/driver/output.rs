//! The script's output onto our own, byte for byte.

use std::io;
use std::time::Duration;

use fargate_core::{Error, ErrorKind, OutputSink, Result, Stream, async_trait};
use tokio::io::{AsyncWriteExt, BufWriter, Stderr, Stdout};
use tokio::time::timeout;

/// Writes are gathered up to this, in bytes, for as long as there is more at hand: each costs a
/// change of thread.
const GATHERED: usize = 128 << 10;

/// How long the last output may take after a failure.
const REST: Duration = Duration::from_secs(1);

/// Passes a script's streams to this process's streams of the same name.
///
/// Twice [`GATHERED`] at most waits here for the operating system, so a runner that reads slowly
/// slows the script and costs no memory.
pub(super) struct Output {
    stdout: BufWriter<Stdout>,
    stderr: BufWriter<Stderr>,
    latest: Stream,
}

impl Output {
    pub(super) fn new() -> Self {
        Self {
            stdout: BufWriter::with_capacity(GATHERED, tokio::io::stdout()),
            stderr: BufWriter::with_capacity(GATHERED, tokio::io::stderr()),
            latest: Stream::Stdout,
        }
    }

    /// After a failure: writes what came before it, unless nobody reads it.
    pub(super) async fn write_rest(&mut self) {
        match timeout(REST, self.flush()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "the last output is lost"),
            Err(_) => tracing::debug!("nobody reads the last output"),
        }
    }
}

#[async_trait]
impl OutputSink for Output {
    async fn write(&mut self, stream: Stream, data: &[u8]) -> Result<()> {
        if stream != self.latest {
            // The job log shows both; what came first is to be first there.
            self.flush().await?;
            self.latest = stream;
        }
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
