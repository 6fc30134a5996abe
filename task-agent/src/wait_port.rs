//! Waiting for a server on this machine.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use fargate_core::{Error, ErrorKind, Result};

/// Between two looks.
const LOOK: Duration = Duration::from_millis(100);
/// A look takes no longer: a server whose queue is full lets the kernel drop what comes.
const ANSWER: Duration = Duration::from_secs(1);

/// Waits until something accepts connections on `port` of 127.0.0.1 or ::1. One that is accepted
/// and closed at once counts too. It looks at least once, whatever `patience` is.
///
/// # Errors
/// `Timeout` when nothing does in time.
pub fn wait_port(port: u16, patience: Duration) -> Result<()> {
    let addresses =
        [SocketAddr::from((Ipv4Addr::LOCALHOST, port)), (Ipv6Addr::LOCALHOST, port).into()];
    // `None` is later than anybody waits for.
    let deadline = Instant::now().checked_add(patience);
    loop {
        if addresses.iter().any(accepts) {
            return Ok(());
        }
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Err(Error::new(
                ErrorKind::Timeout,
                "wait for a port",
                format!(
                    "nothing accepted connections on port {port} within {}",
                    humantime::format_duration(patience)
                ),
            ));
        }
        #[expect(clippy::disallowed_methods, reason = "there is no runtime")]
        std::thread::sleep(LOOK);
    }
}

fn accepts(address: &SocketAddr) -> bool {
    TcpStream::connect_timeout(address, ANSWER).is_ok_and(|stream| !is_its_own_peer(&stream))
}

/// Where nothing listens, the kernel may choose the very port for the client's end; TCP then
/// connects the socket to itself (RFC 9293 section 3.5, simultaneous open).
fn is_its_own_peer(stream: &TcpStream) -> bool {
    let ends = || -> io::Result<bool> { Ok(stream.local_addr()? == stream.peer_addr()?) };
    ends().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use socket2::{Domain, Socket, Type};

    use super::*;

    #[test]
    fn a_server_on_either_loopback_address_is_up() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let listener = TcpListener::bind(address).unwrap();
            wait_port(listener.local_addr().unwrap().port(), Duration::ZERO).unwrap();
        }
    }

    #[test]
    fn a_socket_that_is_connected_to_itself_is_no_server() {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
        let own = socket.local_addr().unwrap();
        socket.connect(&own).unwrap();
        assert!(is_its_own_peer(&socket.into()));
    }
}
