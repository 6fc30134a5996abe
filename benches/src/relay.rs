//! A long path: a relay in user space that delivers every byte later.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::thread;
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::{CancellationToken, DropGuard};

/// Most that is under way in one direction, in reads of at most [`CHUNK`]: above every window.
const UNDER_WAY: usize = 4096;
const CHUNK: usize = 64 << 10;

/// Relays connections to a port of this machine. The rate is not limited. Gone on drop.
#[derive(Debug)]
pub struct Relay {
    port: u16,
    _end: DropGuard,
}

impl Relay {
    /// Starts a relay with this round trip time, half of it in each direction.
    ///
    /// The TCP handshake is not delayed, so a whole session takes as many round trips longer as
    /// its protocol takes after TCP.
    ///
    /// # Errors
    /// When it cannot listen.
    pub fn start(to: u16, round_trip: Duration) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let end = CancellationToken::new();
        let ended = end.clone();
        thread::Builder::new().name("relay".into()).spawn(move || {
            runtime.block_on(async {
                let listener = TcpListener::from_std(listener)?;
                tokio::select! {
                    () = ended.cancelled() => Ok(()),
                    failed = accept(listener, to, round_trip / 2) => failed,
                }
            })
        })?;
        Ok(Self { port, _end: end.drop_guard() })
    }

    /// Where to connect instead.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }
}

async fn accept(listener: TcpListener, to: u16, delay: Duration) -> io::Result<()> {
    loop {
        let (near, _) = listener.accept().await?;
        tokio::spawn(async move {
            let far = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, to))).await?;
            near.set_nodelay(true)?;
            far.set_nodelay(true)?;
            let (near_read, near_write) = near.into_split();
            let (far_read, far_write) = far.into_split();
            tokio::spawn(carry(near_read, far_write, delay));
            tokio::spawn(carry(far_read, near_write, delay));
            io::Result::Ok(())
        });
    }
}

/// One direction: what is read now is written `delay` later, the end included.
async fn carry(mut from: OwnedReadHalf, to: OwnedWriteHalf, delay: Duration) {
    let (sender, receiver) = mpsc::channel(UNDER_WAY);
    tokio::spawn(deliver(receiver, to));
    loop {
        let mut data = Vec::with_capacity(CHUNK);
        // A delayed acknowledgement would stall small writes, which a relay is not to add. It
        // only makes the path's delay more exact.
        SockRef::from(from.as_ref()).set_tcp_quickack(true).ok();
        match from.read_buf(&mut data).await {
            Ok(1..) => {}
            // The writer learns of the end when the queue is empty, and not before its time.
            Ok(0) | Err(_) => {
                sender.send((Instant::now() + delay, Vec::new())).await.ok();
                return;
            }
        }
        if sender.send((Instant::now() + delay, data)).await.is_err() {
            return;
        }
    }
}

async fn deliver(mut queue: mpsc::Receiver<(Instant, Vec<u8>)>, mut to: OwnedWriteHalf) {
    while let Some((at, data)) = queue.recv().await {
        sleep_until(at).await;
        if data.is_empty() || to.write_all(&data).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{Shutdown, TcpListener, TcpStream};
    use std::time::Instant;

    use super::*;

    #[test]
    fn every_byte_arrives_and_none_before_its_time() {
        const ROUND_TRIP: Duration = Duration::from_millis(40);
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let relay = Relay::start(server.local_addr().unwrap().port(), ROUND_TRIP).unwrap();
        let echo = thread::spawn(move || {
            let (mut peer, _) = server.accept().unwrap();
            let mut back = peer.try_clone().unwrap();
            io::copy(&mut peer, &mut back).unwrap();
            back.shutdown(Shutdown::Write).unwrap();
        });
        let sent: Vec<u8> = (0..3_000_000_u32).map(|i| (i % 251) as u8).collect();
        let began = Instant::now();
        let mut stream = TcpStream::connect(("127.0.0.1", relay.port())).unwrap();
        let mut writer = stream.try_clone().unwrap();
        let copy = sent.clone();
        let writing = thread::spawn(move || {
            writer.write_all(&copy).unwrap();
            writer.shutdown(Shutdown::Write).unwrap();
        });
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        assert!(began.elapsed() >= ROUND_TRIP);
        let mut received = byte.to_vec();
        stream.read_to_end(&mut received).unwrap();
        assert!(received == sent);
        writing.join().unwrap();
        echo.join().unwrap();
    }
}
