//! The signals that ask a process to end.

use std::io;

use nix::sys::signal::SigSet;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Listens for SIGTERM, SIGINT and SIGHUP. From its creation on, and for good, none of them ends
/// the process by itself.
#[derive(Debug)]
pub struct EndSignals([Signal; 3]);

impl EndSignals {
    /// Starts to listen. No signal falls between the old behaviour and the new one, unless the
    /// process has more threads.
    ///
    /// # Errors
    /// When the handlers cannot be installed.
    ///
    /// # Panics
    /// Outside of a runtime with its I/O driver on, as [`signal`] does.
    pub fn new() -> io::Result<Self> {
        // signal-hook-registry installs a handler a moment before it knows what to do with the
        // signal; one that comes in that moment would be lost. It is made to wait instead.
        let all = SigSet::all();
        let before = all.thread_swap_mask(nix::sys::signal::SigmaskHow::SIG_BLOCK)?;
        let installed =
            [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()].map(signal);
        before.thread_set_mask()?;
        let [terminate, interrupt, hangup] = installed;
        Ok(Self([terminate?, interrupt?, hangup?]))
    }

    /// Waits for the first of them.
    ///
    /// # Cancel safety
    /// Cancel-safe: a signal that has come stays until it is waited for.
    pub async fn recv(&mut self) {
        let [terminate, interrupt, hangup] = &mut self.0;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use rustix::process::{Signal, getpid, kill_process};

    use super::*;

    #[tokio::test]
    async fn a_signal_that_came_before_the_wait_ends_it() {
        let mut signals = EndSignals::new().unwrap();
        for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
            kill_process(getpid(), signal).unwrap();
            signals.recv().await;
        }
        let blocked = SigSet::thread_get_mask().unwrap();
        assert!(blocked.iter().next().is_none(), "{blocked:?}");
    }
}
