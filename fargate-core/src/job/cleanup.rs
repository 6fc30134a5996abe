use super::{JobEvent, JobLife};
use crate::Result;

/// What a cleanup found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cleaned {
    /// Nothing was recorded: prepare never launched anything, or cleanup ran before.
    Nothing,
    /// This many tasks were stopped (or were over already).
    Stopped(usize),
}

impl JobLife {
    /// Stops whatever the job started and forgets it.
    ///
    /// # Behavior
    /// 1. Idempotent. Without a record it succeeds and asks the backend nothing.
    /// 2. A record of an interrupted launch, or a damaged one, is completed from the backend's
    ///    ledger, for as long as the ledger may be late.
    /// 3. The record is removed last: a failed cleanup can be repeated.
    ///
    /// # Errors
    /// Those of [`TaskLauncher::stop`](crate::TaskLauncher::stop) and
    /// [`TaskLauncher::list`](crate::TaskLauncher::list), and the store's.
    ///
    /// # Cancel safety
    /// Cancel-safe: call it again.
    pub async fn cleanup(&self) -> Result<Cleaned> {
        let stopped = match self.store.load(&self.job) {
            Ok(None) => {
                // An interrupted first write leaves a temporary file and no task.
                self.store.remove(&self.job)?;
                return Ok(Cleaned::Nothing);
            }
            Ok(Some(record)) => match &record.task {
                Some(task) => {
                    self.stop(task).await?;
                    1
                }
                None => self.stop_lost(&record).await?,
            },
            Err(error) => {
                self.tell(&JobEvent::Trouble(&error));
                self.stop_unrecorded().await?
            }
        };
        self.store.remove(&self.job)?;
        Ok(Cleaned::Stopped(stopped))
    }
}
