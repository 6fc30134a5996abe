//! Moments in the future.

use std::time::Duration;

use tokio::time::Instant;

/// The moment `wait` from now. A setting such as [`Duration::MAX`] has no such moment, so 30 days
/// stand for everything longer.
pub(crate) fn after(wait: Duration) -> Instant {
    const LONGEST: Duration = Duration::from_secs(30 * 24 * 60 * 60);
    Instant::now() + wait.min(LONGEST)
}
