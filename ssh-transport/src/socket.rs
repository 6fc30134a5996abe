use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use crate::hang_up::HangUp;

/// Reads after which the connection is certainly set up.
const SET_UP_READS: u32 = 32;

/// How far a read looks ahead, in bytes: some sixty small packets, a quarter of a large one. What it
/// takes is copied once more, so more costs bulk output what it saves on small packets.
const AHEAD: usize = 8 << 10;

/// The TCP connection, quick to set up, cheap to read from and certain to end.
///
/// The protocol asks for a packet's first bytes and then for the rest. Each read takes what was
/// asked for and, in the same system call, up to [`AHEAD`] bytes of what follows: one call for a
/// large packet, one for sixty small ones.
///
/// While the connection is set up, acknowledgements are sent at once: the server's small writes
/// otherwise wait 40 ms for a delayed one. The kernel forgets that setting, so each of the first
/// reads renews it.
///
/// Once `hang_up` is cancelled every read and write fails.
#[derive(Debug)]
pub(crate) struct Socket {
    tcp: TcpStream,
    ahead: Ahead,
    reads_left: u32,
    hang_up: HangUp,
}

impl Socket {
    /// Connects to the first address that answers.
    ///
    /// `write_timeout` bounds how long sent bytes may stay unacknowledged or unread by the peer
    /// (tcp(7), `TCP_USER_TIMEOUT`): the keepalive cannot be sent while a write is stuck.
    pub(crate) async fn connect(
        addresses: &[SocketAddr],
        write_timeout: Duration,
        hang_up: &CancellationToken,
    ) -> io::Result<Self> {
        let tcp = TcpStream::connect(addresses).await?;
        tcp.set_nodelay(true)?;
        #[cfg(target_os = "linux")]
        SockRef::from(&tcp).set_tcp_user_timeout(Some(write_timeout))?;
        #[cfg(not(target_os = "linux"))]
        let _ = write_timeout;
        let hang_up = HangUp::new(hang_up);
        Ok(Self { tcp, ahead: Ahead::default(), reads_left: SET_UP_READS, hang_up })
    }

    /// Reads into `buf`, and what does not fit into `ahead`.
    fn read_both(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.tcp.poll_read_ready(cx))?;
            let asked = buf.initialize_unfilled();
            let wanted = asked.len();
            let slices = &mut [IoSliceMut::new(asked), IoSliceMut::new(self.ahead.room())];
            match self.tcp.try_read_vectored(slices) {
                Ok(read) => {
                    buf.advance(read.min(wanted));
                    self.ahead.filled(read.saturating_sub(wanted));
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    fn acknowledge_at_once(&mut self) {
        if self.reads_left > 0 {
            self.reads_left -= 1;
            #[cfg(target_os = "linux")]
            // It only saves time: a kernel that refuses it is no reason to fail.
            SockRef::from(&self.tcp).set_tcp_quickack(true).ok();
        }
    }
}

/// What was read before it was asked for.
#[derive(Debug)]
struct Ahead {
    bytes: Box<[u8]>,
    /// Where the bytes nobody has asked for yet begin and end.
    from: usize,
    to: usize,
}

impl Default for Ahead {
    fn default() -> Self {
        Self { bytes: vec![0; AHEAD].into(), from: 0, to: 0 }
    }
}

impl Ahead {
    /// Hands out as much as `buf` takes; false when nothing is there.
    fn take(&mut self, buf: &mut ReadBuf<'_>) -> bool {
        let there = &self.bytes[self.from..self.to];
        let taken = there.len().min(buf.remaining());
        buf.put_slice(&there[..taken]);
        self.from += taken;
        taken > 0
    }

    /// All of it: it is only filled when it is empty.
    fn room(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    fn filled(&mut self, bytes: usize) {
        (self.from, self.to) = (0, bytes);
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.ahead.take(buf) || buf.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        this.acknowledge_at_once();
        let poll = this.read_both(cx, buf);
        this.hang_up.unless_hung_up(cx, poll)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let poll = Pin::new(&mut this.tcp).poll_write(cx, buf);
        this.hang_up.unless_hung_up(cx, poll)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().tcp).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().tcp).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::time::timeout;

    use super::*;

    /// A hang guard, not a speed goal.
    const PATIENCE: Duration = Duration::from_secs(60);

    /// A peer whose kernel accepts, and that never reads.
    async fn socket(write_timeout: Duration) -> (Socket, TcpListener, CancellationToken) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let hang_up = CancellationToken::new();
        let address = listener.local_addr().unwrap();
        let socket = Socket::connect(&[address], write_timeout, &hang_up).await.unwrap();
        (socket, listener, hang_up)
    }

    #[tokio::test]
    async fn a_peer_that_reads_nothing_ends_a_write() {
        let (mut socket, _listener, _hang_up) = socket(Duration::from_millis(500)).await;
        let write = async {
            loop {
                if let Err(error) = socket.write_all(&[0; 65536]).await {
                    return error.kind();
                }
            }
        };
        assert_eq!(timeout(PATIENCE, write).await.expect("no hang"), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn hanging_up_ends_a_read_that_waits() {
        let (mut socket, _listener, hang_up) = socket(PATIENCE).await;
        let read = async { socket.read(&mut [0; 16]).await.unwrap_err().kind() };
        let hang_up = async { hang_up.cancel() };
        let both = async { tokio::join!(read, hang_up).0 };
        let kind = timeout(PATIENCE, both).await.expect("no hang");
        assert_eq!(kind, io::ErrorKind::ConnectionAborted);
    }
}
