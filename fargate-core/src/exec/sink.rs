use async_trait::async_trait;

use crate::Result;

/// Which of the script's two output streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// Takes a script's output as it comes.
///
/// Awaiting [`write`](Self::write) is the back-pressure: while it waits, nothing more is read
/// from the task. Bytes are bytes: a chunk may end in the middle of a line or a character.
#[async_trait]
pub trait OutputSink: Send {
    /// Takes one chunk.
    ///
    /// # Errors
    /// Whatever the sink cannot take; it ends the script.
    async fn write(&mut self, stream: Stream, data: &[u8]) -> Result<()>;

    /// Makes what was written visible. Called whenever no more output is at hand.
    ///
    /// # Errors
    /// As for [`write`](Self::write).
    async fn flush(&mut self) -> Result<()>;
}

/// A sink that keeps everything in memory; for short output and tests.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Collected {
    /// What came on standard output.
    pub stdout: Vec<u8>,
    /// What came on standard error.
    pub stderr: Vec<u8>,
}

impl Collected {
    /// Standard output as text; anything that is not UTF-8 is replaced.
    #[must_use]
    pub fn stdout_text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Standard error as text; anything that is not UTF-8 is replaced.
    #[must_use]
    pub fn stderr_text(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }
}

#[async_trait]
impl OutputSink for Collected {
    async fn write(&mut self, stream: Stream, data: &[u8]) -> Result<()> {
        match stream {
            Stream::Stdout => self.stdout.extend_from_slice(data),
            Stream::Stderr => self.stderr.extend_from_slice(data),
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}
