//! The certain end of a connection.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use fargate_core::transport::ByteStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// Lets reads and writes fail once the connection's owner is gone.
///
/// The task that drives the connection ignores that while keys are exchanged, and would else wait
/// for a silent server for ever.
#[derive(Debug)]
pub(crate) struct HangUp(Pin<Box<WaitForCancellationFutureOwned>>);

impl HangUp {
    pub(crate) fn new(hang_up: &CancellationToken) -> Self {
        Self(Box::pin(hang_up.clone().cancelled_owned()))
    }

    /// Turns "not yet" into "never" after the hang-up.
    pub(crate) fn unless_hung_up<T>(
        &mut self,
        cx: &mut Context<'_>,
        poll: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if poll.is_pending() && self.0.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(io::Error::new(
                io::ErrorKind::ConnectionAborted,
                "this side hung up",
            )));
        }
        poll
    }
}

/// A stream somebody else has opened, certain to end.
pub(crate) struct Tunnel {
    stream: Box<dyn ByteStream>,
    hang_up: HangUp,
}

impl Tunnel {
    pub(crate) fn new(stream: Box<dyn ByteStream>, hang_up: &CancellationToken) -> Self {
        Self { stream, hang_up: HangUp::new(hang_up) }
    }
}

impl AsyncRead for Tunnel {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let poll = Pin::new(&mut *this.stream).poll_read(cx, buf);
        this.hang_up.unless_hung_up(cx, poll)
    }
}

impl AsyncWrite for Tunnel {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let poll = Pin::new(&mut *this.stream).poll_write(cx, buf);
        this.hang_up.unless_hung_up(cx, poll)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.get_mut().stream).poll_shutdown(cx)
    }
}
