//! Addresses in 127/8 that no other double uses, in this process or another.

use std::io;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};

/// The UDP port that marks a block of 254 addresses as taken. Nothing is ever sent there.
const MARK_PORT: u16 = 29_022;

/// Hands out addresses; each once.
#[derive(Debug, Default)]
pub(crate) struct AddressPool {
    /// Held for as long as the pool lives, so that no other process takes the block.
    marks: Vec<UdpSocket>,
    block: [u8; 2],
    /// The last byte that was handed out.
    last: u8,
}

impl AddressPool {
    /// The next address.
    ///
    /// # Errors
    /// When no free block is found.
    pub(crate) fn next(&mut self) -> io::Result<Ipv4Addr> {
        if self.marks.is_empty() || self.last == 254 {
            self.take_block()?;
        }
        self.last += 1;
        Ok(Ipv4Addr::new(127, self.block[0], self.block[1], self.last))
    }

    fn take_block(&mut self) -> io::Result<()> {
        let mut failure = io::Error::other("no free block of addresses in 127/8");
        for _ in 0..200 {
            let block = [fastrand::u8(16..=250), fastrand::u8(..)];
            // The last byte 255 marks the block; it is never handed out.
            match UdpSocket::bind((Ipv4Addr::new(127, block[0], block[1], 255), MARK_PORT)) {
                Ok(mark) => {
                    self.marks.push(mark);
                    self.block = block;
                    self.last = 0;
                    return Ok(());
                }
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }
}

/// Whether a program can listen there.
///
/// # Errors
/// What the system says: no right to use the port, or somebody listens on every address.
pub(crate) fn check(address: Ipv4Addr, port: u16) -> io::Result<()> {
    TcpListener::bind((address, port)).map(drop)
}

/// Refuses a port no task could listen on; `setting` names it.
///
/// # Panics
/// When it is refused.
pub(crate) fn check_port(port: u16, setting: &str) {
    let mut pool = AddressPool::default();
    let free = pool.next().and_then(|at| check(at, port));
    if let Err(error) = free {
        panic!(
            "tasks cannot listen on port {port} of 127/8 ({error}): run the tests as root with \
             that port free, or set {setting}"
        );
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn pools_side_by_side_share_no_address() {
        let mut pools = [AddressPool::default(), AddressPool::default()];
        let mut seen = BTreeSet::new();
        for _ in 0..600 {
            for pool in &mut pools {
                assert!(seen.insert(pool.next().unwrap()));
            }
        }
        assert!(seen.iter().all(Ipv4Addr::is_loopback));
    }
}
