//! Addresses that no other double uses, in this process or another.

use std::io;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};

/// The UDP port that marks a block of 254 addresses as taken. Nothing is ever sent there.
const MARK_PORT: u16 = 29_022;

/// Where the addresses are.
#[derive(Debug, Clone, Copy, Default)]
enum Range {
    /// 127/8: all of them are this machine.
    #[default]
    Loopback,
    /// 198.18/15, which is for tests of networks (RFC 2544) and so nobody's. Somebody has to
    /// give such an address to something.
    Routed,
}

/// Hands out addresses; each once.
#[derive(Debug, Default)]
pub(crate) struct AddressPool {
    /// Held for as long as the pool lives, so that no other process takes the block.
    marks: Vec<UdpSocket>,
    range: Range,
    block: [u8; 2],
    /// The last byte that was handed out.
    last: u8,
}

impl AddressPool {
    /// A pool of addresses outside 127/8, for what has a network of its own.
    pub(crate) fn routed() -> Self {
        Self { range: Range::Routed, ..Self::default() }
    }

    /// The next address.
    ///
    /// # Errors
    /// When no free block is found.
    pub(crate) fn next(&mut self) -> io::Result<Ipv4Addr> {
        if self.marks.is_empty() || self.last == 254 {
            self.take_block()?;
        }
        self.last += 1;
        let [high, low] = self.block;
        Ok(match self.range {
            Range::Loopback => Ipv4Addr::new(127, high, low, self.last),
            Range::Routed => Ipv4Addr::new(198, high, low, self.last),
        })
    }

    fn take_block(&mut self) -> io::Result<()> {
        let mut failure = io::Error::other("no free block of addresses");
        for _ in 0..200 {
            // The last byte 255 marks the block; it is never handed out. A routed block has its
            // mark in a part of 127/8 that has no blocks, and the last one of all is left out:
            // `HOST_ADDRESS` is in it.
            let (block, mark) = match self.range {
                Range::Loopback => {
                    let block = [fastrand::u8(16..=250), fastrand::u8(..)];
                    (block, block[0])
                }
                Range::Routed => {
                    let block = [fastrand::u8(18..=19), fastrand::u8(..255)];
                    (block, block[0] - 18 + 251)
                }
            };
            match UdpSocket::bind((Ipv4Addr::new(127, mark, block[1], 255), MARK_PORT)) {
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
        let mut routed = [AddressPool::routed(), AddressPool::routed()];
        let mut seen = BTreeSet::new();
        for _ in 0..600 {
            for pool in &mut pools {
                assert!(seen.insert(pool.next().unwrap()));
            }
        }
        assert!(seen.iter().all(Ipv4Addr::is_loopback));
        let mut seen = BTreeSet::new();
        for _ in 0..600 {
            for pool in &mut routed {
                assert!(seen.insert(pool.next().unwrap()));
            }
        }
        assert!(!seen.iter().any(Ipv4Addr::is_loopback));
    }
}
