use std::time::Duration;

use crate::connect::WINDOW;

/// What a server may still hold of a script's output when it reports the exit status: a full
/// window of each stream and what is in the pipes.
const MOST_BYTES: u64 = 2 * WINDOW as u64 + (1 << 20);

/// Output that comes faster than this is the script's own, still on its way; a process the script
/// left behind usually says little. In bytes per second.
const FAST: u64 = 256 << 10;

/// How much longer to read after the exit status.
///
/// The end of the streams ends the wait anyway. Without it, a left-behind process holds them: then
/// both the time spent waiting for data and the bytes are bounded.
#[derive(Debug)]
pub(crate) struct Tail {
    drain: Duration,
    waited: Duration,
    bytes: u64,
}

impl Tail {
    pub(crate) fn new(drain: Duration) -> Self {
        Self { drain, waited: Duration::ZERO, bytes: 0 }
    }

    /// Counts output.
    pub(crate) fn received(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
    }

    /// Counts time spent waiting for the network.
    pub(crate) fn waited(&mut self, time: Duration) {
        self.waited += time;
    }

    /// How long to wait for more; `None` when it is enough.
    pub(crate) fn patience(&self) -> Option<Duration> {
        let earned = Duration::from_millis(self.bytes * 1000 / FAST);
        let left = (self.drain + earned).saturating_sub(self.waited);
        (self.bytes <= MOST_BYTES && !left.is_zero()).then_some(left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DRAIN: Duration = Duration::from_millis(500);

    #[test]
    fn a_process_that_says_little_ends_the_wait() {
        let mut tail = Tail::new(DRAIN);
        let mut rounds = 0;
        while let Some(patience) = tail.patience() {
            assert!(patience <= DRAIN + Duration::from_millis(1));
            tail.waited(Duration::from_millis(100));
            tail.received(10);
            rounds += 1;
        }
        assert_eq!(rounds, 5);
    }

    #[test]
    fn a_process_that_never_stops_ends_the_wait() {
        let mut tail = Tail::new(DRAIN);
        while tail.patience().is_some() {
            tail.received(32768);
        }
        assert!(tail.bytes <= MOST_BYTES + 32768);
    }

    #[test]
    fn a_window_of_output_over_a_slow_line_is_not_cut() {
        let mut tail = Tail::new(DRAIN);
        // One megabyte per second.
        for _ in 0..WINDOW / 32768 {
            assert!(tail.patience().is_some());
            tail.waited(Duration::from_millis(32));
            tail.received(32768);
        }
    }
}
