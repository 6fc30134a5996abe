use std::time::Duration;

/// Output that comes faster than this is the script's own, still on its way; a process the script
/// left behind usually says little. In bytes per second.
const FAST: u64 = 256 << 10;

/// How much longer to read after the exit status.
///
/// The end of the streams ends the wait anyway. Without it, a left-behind process holds them: then
/// both the time spent waiting for data and the bytes are bounded.
#[derive(Debug)]
pub(super) struct Tail {
    drain: Duration,
    /// What may still be on its way, in bytes.
    in_flight: u64,
    waited: Duration,
    bytes: u64,
}

impl Tail {
    pub(super) fn new(drain: Duration, in_flight: u64) -> Self {
        Self { drain, in_flight, waited: Duration::ZERO, bytes: 0 }
    }

    /// Counts output.
    pub(super) fn received(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
    }

    /// Counts time spent waiting for the network.
    pub(super) fn waited(&mut self, time: Duration) {
        self.waited += time;
    }

    /// How long to wait for more; `None` when it is enough.
    pub(super) fn patience(&self) -> Option<Duration> {
        let earned = Duration::from_millis(self.bytes * 1000 / FAST);
        let left = (self.drain + earned).saturating_sub(self.waited);
        (self.bytes <= self.in_flight && !left.is_zero()).then_some(left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DRAIN: Duration = Duration::from_millis(500);
    const IN_FLIGHT: u64 = 24 << 20;

    #[test]
    fn a_process_that_says_little_ends_the_wait() {
        let mut tail = Tail::new(DRAIN, IN_FLIGHT);
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
        let mut tail = Tail::new(DRAIN, IN_FLIGHT);
        while tail.patience().is_some() {
            tail.received(32768);
        }
        assert!(tail.bytes <= IN_FLIGHT + 32768);
    }

    #[test]
    fn what_is_on_its_way_over_a_slow_line_is_not_cut() {
        let mut tail = Tail::new(DRAIN, IN_FLIGHT);
        // One megabyte per second.
        for _ in 0..IN_FLIGHT / 32768 {
            assert!(tail.patience().is_some());
            tail.waited(Duration::from_millis(32));
            tail.received(32768);
        }
    }
}
