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
        let this = self.get_mut();
        let poll = Pin::new(&mut *this.stream).poll_flush(cx);
        this.hang_up.unless_hung_up(cx, poll)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let poll = Pin::new(&mut *this.stream).poll_shutdown(cx);
        this.hang_up.unless_hung_up(cx, poll)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::time::timeout;

    use super::*;

    /// Nothing ever comes to an end here.
    struct Stuck;

    impl AsyncRead for Stuck {
        fn poll_read(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            _: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }

    impl AsyncWrite for Stuck {
        fn poll_write(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            _: &[u8],
        ) -> Poll<io::Result<usize>> {
            Poll::Pending
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }

    #[tokio::test]
    async fn hanging_up_ends_whatever_waits_in_a_tunnel() {
        let hang_up = CancellationToken::new();
        let mut tunnel = Tunnel::new(Box::new(Stuck), &hang_up);
        hang_up.cancel();
        let all = async {
            [
                tunnel.read(&mut [0; 1]).await.map(drop),
                tunnel.write(b"x").await.map(drop),
                tunnel.flush().await,
                tunnel.shutdown().await,
            ]
        };
        // A hang guard, not a speed goal.
        for ended in timeout(Duration::from_secs(60), all).await.expect("no hang") {
            assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::ConnectionAborted);
        }
    }
}
