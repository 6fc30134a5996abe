//! Growing, jittered pauses.

use std::time::Duration;

/// Pauses that grow by half each time up to a maximum, each jittered by a quarter either way.
///
/// Jitter keeps fifty jobs that started together from asking together for ever.
#[derive(Debug, Clone)]
pub struct Backoff {
    next: Duration,
    max: Duration,
}

impl Backoff {
    /// Starts at `first` and never exceeds `max` (before jitter).
    #[must_use]
    pub fn new(first: Duration, max: Duration) -> Self {
        Self { next: first.min(max), max }
    }

    /// The next pause.
    pub fn next_pause(&mut self) -> Duration {
        let pause = self.next;
        self.next = (pause * 3 / 2).min(self.max);
        pause.mul_f64(0.75 + fastrand::f64() / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_maximum_and_stay_within_the_jitter() {
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(4));
        let expected = [1.0, 1.5, 2.25, 3.375, 4.0, 4.0];
        for base in expected {
            let pause = backoff.next_pause().as_secs_f64();
            assert!((base * 0.75..=base * 1.25).contains(&pause), "{pause} around {base}");
        }
    }
}
