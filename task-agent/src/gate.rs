//! The TCP stream of one connection, with two valves.
//!
//! The SSH library reads a connection as fast as it can and replenishes the client's window by
//! itself, so input for a command that does not read would pile up without bound. Making its
//! callbacks wait instead would stop output and signals as well. So the stream itself is throttled
//! while too much input is queued. A command that answers its input, such as `cat`, needs the
//! window updates behind that input; for it the window is kept small and the valve wide.
//!
//! The second valve closes the stream from outside, whatever the session is doing.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// Queued input above which the client gets a small window, so that little of it is under way.
const SOME: usize = 1 << 20;
/// The small window. Window updates the client sends are behind no more input than this.
const SMALL_WINDOW: u32 = 128 << 10;
/// Queued input above which reading stops, unless output waits for the client.
const ENOUGH: usize = 16 << 20;
/// Queued input above which reading slows down even then.
const TOO_MUCH: usize = 64 << 20;
/// Queued input above which reading stops in any case: the client sends and sends and takes
/// nothing.
const FAR_TOO_MUCH: usize = 256 << 20;
/// Between two reads while output waits for a window update that is behind more input.
const TRICKLE: Duration = Duration::from_millis(5);

/// What one connection's commands have not taken yet.
#[derive(Debug, Default)]
pub(crate) struct Load {
    queued: AtomicUsize,
    sending: AtomicUsize,
    reader: Mutex<Option<Waker>>,
}

impl Load {
    pub(crate) fn add(&self, bytes: usize) {
        self.queued.fetch_add(bytes, Ordering::SeqCst);
    }

    pub(crate) fn remove(&self, bytes: usize) {
        self.queued.fetch_sub(bytes, Ordering::SeqCst);
        self.wake();
    }

    /// Counts an output stream as waiting for the client until the result is dropped.
    pub(crate) fn sending(self: &Arc<Self>) -> Sending {
        self.sending.fetch_add(1, Ordering::SeqCst);
        self.wake();
        Sending(Arc::clone(self))
    }

    /// The window to offer the client next, where `full` is the usual one.
    pub(crate) fn window(&self, full: u32) -> u32 {
        if self.queued.load(Ordering::SeqCst) > SOME { SMALL_WINDOW } else { full }
    }

    fn wake(&self) {
        let waker = self.reader.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Whether to read now; a reader that has to wait is woken by the next change.
    fn poll(&self, cx: &Context<'_>) -> Valve {
        if self.queued.load(Ordering::SeqCst) <= ENOUGH {
            return Valve::Open;
        }
        *self.reader.lock().unwrap_or_else(PoisonError::into_inner) = Some(cx.waker().clone());
        // Looked at after the waker is in place, so that no change is missed.
        let queued = self.queued.load(Ordering::SeqCst);
        let sending = self.sending.load(Ordering::SeqCst) > 0;
        match queued {
            0..=ENOUGH => Valve::Open,
            // The update that output waits for may be next in the stream.
            _ if sending && queued <= TOO_MUCH => Valve::Open,
            _ if sending && queued <= FAR_TOO_MUCH => Valve::Trickle,
            _ => Valve::Shut,
        }
    }
}

/// See [`Load::sending`].
#[derive(Debug)]
pub(crate) struct Sending(Arc<Load>);

impl Drop for Sending {
    fn drop(&mut self) {
        self.0.sending.fetch_sub(1, Ordering::SeqCst);
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Valve {
    Open,
    Trickle,
    Shut,
}

#[derive(Debug)]
pub(crate) struct Gate {
    stream: TcpStream,
    load: Arc<Load>,
    pause: Option<Pin<Box<Sleep>>>,
    closed: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl Gate {
    pub(crate) fn new(stream: TcpStream, load: Arc<Load>, closed: CancellationToken) -> Self {
        Self { stream, load, pause: None, closed: Box::pin(closed.cancelled_owned()) }
    }

    fn poll_may_read(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self.load.poll(cx) {
            Valve::Open => {
                self.pause = None;
                Poll::Ready(())
            }
            Valve::Shut => Poll::Pending,
            Valve::Trickle => {
                let pause = self.pause.get_or_insert_with(|| Box::pin(sleep(TRICKLE)));
                let over = pause.as_mut().poll(cx);
                if over.is_ready() {
                    self.pause = None;
                }
                over
            }
        }
    }
}

impl AsyncRead for Gate {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.closed.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Ok(()));
        }
        if self.poll_may_read(cx).is_pending() {
            return Poll::Pending;
        }
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Gate {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.closed.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_slows_when_input_piles_up_and_goes_on_when_it_is_taken() {
        let load = Arc::new(Load::default());
        let cx = Context::from_waker(Waker::noop());
        assert_eq!(load.poll(&cx), Valve::Open);
        load.add(ENOUGH + 1);
        assert_eq!(load.poll(&cx), Valve::Shut);
        let sending = load.sending();
        assert_eq!(load.poll(&cx), Valve::Open);
        load.add(TOO_MUCH);
        assert_eq!(load.poll(&cx), Valve::Trickle);
        load.remove(TOO_MUCH);
        load.add(FAR_TOO_MUCH);
        assert_eq!(load.poll(&cx), Valve::Shut);
        drop(sending);
        load.remove(FAR_TOO_MUCH + 1);
        assert_eq!(load.poll(&cx), Valve::Open);
    }
}
