//! Tasks whose launch nobody knows the outcome of.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::{JobEvent, JobLife, JobRecord};
use crate::{Error, ErrorKind, Result, TaskHandle, TaskSpec};

/// Pause between two looks into the ledger.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// How long finding a task by launching its key again may look for room, and how much longer the
/// call may take: dropping it could leave one more task.
const BY_KEY: Duration = Duration::from_secs(60);
const BY_KEY_GRACE: Duration = Duration::from_secs(30);

impl JobLife {
    /// Stops the task of a launch whose outcome is unknown, looking for it for as long as the
    /// ledger may be late. Returns how many were stopped.
    pub(super) async fn stop_lost(&self, record: &JobRecord) -> Result<usize> {
        let lag = self.backend.pace().ledger_lag.saturating_sub(record.age());
        match self.look_until(Instant::now() + lag).await {
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                self.tell(&JobEvent::Trouble(&error));
                self.stop_by_key(record).await
            }
            done => done,
        }
    }

    /// Stops what a job with a damaged record may have started, looking for it for as long as the
    /// ledger may be late. Returns how many were stopped.
    pub(super) async fn stop_unrecorded(&self) -> Result<usize> {
        let lag = self.backend.pace().ledger_lag;
        self.look_until(Instant::now() + lag).await.map_err(ledger_needed)
    }

    /// Looks at once, and again until something was found or `until` has come.
    pub(super) async fn look_until(&self, until: Instant) -> Result<usize> {
        loop {
            let stopped = self.stop_listed().await?;
            if stopped > 0 || Instant::now() + LOOK_AGAIN > until {
                return Ok(stopped);
            }
            sleep(LOOK_AGAIN).await;
        }
    }

    /// Finds the task by launching its key again: the same key is the same task. If there was
    /// none, one is started and stopped; without the right to list there is no other way to know.
    async fn stop_by_key(&self, record: &JobRecord) -> Result<usize> {
        let spec = self.spec(record)?.launch_timeout(BY_KEY);
        let launcher = self.launcher().await?;
        match timeout(BY_KEY + BY_KEY_GRACE, launcher.launch(&spec)).await {
            Ok(Ok(task)) => self.stop(&task).await.map(|()| 1),
            // Had the first launch gone through, the same key would have been found, room or not.
            Ok(Err(error)) if error.kind() == ErrorKind::Capacity => Ok(0),
            Ok(Err(error)) => Err(ledger_needed(error)),
            Err(_) => Err(ledger_needed(Error::new(
                ErrorKind::Timeout,
                "find the task",
                "launching its key again did not end in time",
            ))),
        }
    }

    /// The spec of the record's attempt.
    pub(super) fn spec(&self, record: &JobRecord) -> Result<TaskSpec> {
        let public = record.credential.public.clone();
        let mut spec = TaskSpec::new(record.key.clone(), self.job.owner()?, public);
        spec.labels.clone_from(&record.labels);
        spec.needs.clone_from(&record.needs);
        spec.deadline = record.deadline;
        spec.host_secret.clone_from(&record.credential.host_secret);
        Ok(spec)
    }

    /// The task of an interrupted launch, if the ledger shows one. Tasks of other attempts are
    /// stopped; one without a key may be ours, and launching our key again finds it.
    pub(super) async fn find_launched(&self, record: &JobRecord) -> Result<Option<TaskHandle>> {
        let listed = match self.listed().await {
            Ok(listed) => listed,
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                self.tell(&JobEvent::Trouble(&error));
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let mut mine = None;
        for task in listed {
            match task.key() {
                Some(key) if key == record.key.as_str() => mine = Some(task),
                Some(_) => self.stop(&task).await?,
                None => {}
            }
        }
        Ok(mine)
    }
}

/// Whether a failed launch may have started a task all the same.
pub(super) fn outcome_unknown(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionLost
            | ErrorKind::Unavailable
            | ErrorKind::Timeout
            | ErrorKind::Cancelled
            | ErrorKind::Unexpected
            | ErrorKind::Conflict
    )
}

/// Says why a right that is otherwise not needed is needed now.
pub(super) fn ledger_needed(error: Error) -> Error {
    if error.kind() == ErrorKind::PermissionDenied {
        error.hint(
            "an interrupted launch can only be found by listing tasks; allow it, \
             or look for a left-over task by hand",
        )
    } else {
        error
    }
}
