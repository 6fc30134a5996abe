//! How long trouble with ECS is borne.

use fargate_core::{Backoff, Error, ErrorKind, Result};
use tokio::time::{Instant, sleep_until};

use crate::config::EcsPace;
use crate::deadline::after;

/// How long the trouble of one question is borne.
#[derive(Debug)]
pub(super) struct Patience {
    pause: Backoff,
    deadline: Instant,
    /// For an API that cannot be reached: most often that is a wrong Region or no route.
    reachable_by: Instant,
}

impl Patience {
    pub(super) fn new(pace: &EcsPace, deadline: Instant) -> Self {
        Self {
            pause: Backoff::new(pace.api_first_pause, pace.max_pause),
            deadline,
            reachable_by: deadline.min(after(pace.api_patience)),
        }
    }

    /// Waits before the next attempt; gives back what waiting does not mend, or not in time.
    pub(super) async fn bear(&mut self, error: Error) -> Result<()> {
        let deadline = match error.kind() {
            ErrorKind::Throttled | ErrorKind::Unavailable => self.deadline,
            ErrorKind::ConnectFailed => self.reachable_by,
            _ => return Err(error),
        };
        let next = after(self.pause.next_pause());
        if next >= deadline {
            return Err(error);
        }
        tracing::debug!(%error, "asking again for a task definition");
        sleep_until(next).await;
        Ok(())
    }
}
