//! Where output goes.

use std::fs::File;
use std::hint::black_box;
use std::io::{self, BufWriter, Write};
use std::os::fd::AsFd;

use fargate_core::{Error, ErrorKind, OutputSink, Result, Stream, async_trait};

/// Counts bytes and keeps none.
#[derive(Debug, Default)]
pub struct Counter {
    /// From both streams.
    pub bytes: u64,
}

#[async_trait]
impl OutputSink for Counter {
    async fn write(&mut self, _: Stream, data: &[u8]) -> Result<()> {
        self.bytes += black_box(data).len() as u64;
        Ok(())
    }

    async fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

/// Small writes up to this are gathered until nothing more is at hand; larger ones pass directly.
const GATHER: usize = 16 << 10;

/// Passes both streams on to this process's own, with plain blocking writes: nothing but the
/// transport is to be measured.
#[derive(Debug)]
pub struct Passing {
    stdout: BufWriter<File>,
    stderr: BufWriter<File>,
}

impl Passing {
    /// To this process's standard output and error.
    ///
    /// # Errors
    /// When they are closed.
    pub fn new() -> io::Result<Self> {
        let stdout = File::from(io::stdout().as_fd().try_clone_to_owned()?);
        let stderr = File::from(io::stderr().as_fd().try_clone_to_owned()?);
        let gathering = |file| BufWriter::with_capacity(GATHER, file);
        Ok(Self { stdout: gathering(stdout), stderr: gathering(stderr) })
    }
}

#[async_trait]
impl OutputSink for Passing {
    async fn write(&mut self, stream: Stream, data: &[u8]) -> Result<()> {
        match stream {
            Stream::Stdout => self.stdout.write_all(data),
            Stream::Stderr => self.stderr.write_all(data),
        }
        .map_err(failed)
    }

    async fn flush(&mut self) -> Result<()> {
        self.stdout.flush().and_then(|()| self.stderr.flush()).map_err(failed)
    }
}

fn failed(error: io::Error) -> Error {
    Error::new(ErrorKind::Unexpected, "pass output on", error.to_string()).source(error)
}
