//! Calls that are not made faster than they should be.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Lets one through at a time, the first at once.
#[derive(Debug)]
pub(super) struct Gate {
    every: Duration,
    next: Option<Instant>,
}

impl Gate {
    pub(super) fn new(every: Duration) -> Self {
        Self { every, next: None }
    }

    /// Waits until it is time for another.
    pub(super) async fn pass(&mut self) {
        if let Some(next) = self.next {
            sleep_until(next).await;
        }
        self.next = Some(Instant::now() + self.every);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_first_passes_at_once() {
        let every = Duration::from_millis(20);
        let mut gate = Gate::new(every);
        let start = Instant::now();
        for _ in 0..3 {
            gate.pass().await;
        }
        assert!(start.elapsed() >= 2 * every);
    }
}
