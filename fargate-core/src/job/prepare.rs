use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::lost::{ledger_needed, outcome_unknown};
use super::{JobEvent, JobLife, JobRecord};
use crate::{
    Backoff, Endpoint, Error, ErrorKind, RemoteExec, Result, Retry, StopCause, Stopped, TaskHandle,
    TaskLauncherExt, TaskNeeds, TaskStatus, Waiting,
};

/// How long a launch that is under way may still take after a cancel: dropping the request would
/// leave a task that the ledger shows only later.
const LAUNCH_GRACE: Duration = Duration::from_secs(10);
/// How long a failed prepare itself looks for a task that its launch may have started; cleanup
/// looks on.
const LOOK: Duration = Duration::from_secs(2);

/// What prepare is to do.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PreparePlan {
    /// For people and bills: tags on ECS, labels on Kubernetes.
    pub labels: BTreeMap<String, String>,
    /// What the task is to have that others of its backend need not.
    pub needs: TaskNeeds,
    /// How long the task may live before it ends itself, where the backend can see to that.
    pub task_deadline: Option<Duration>,
    /// From the call to a task that accepts commands.
    pub start_timeout: Duration,
}

impl PreparePlan {
    /// A plan without labels and task deadline, for the backend's own image and sizes.
    #[must_use]
    pub fn new(start_timeout: Duration) -> Self {
        Self {
            labels: BTreeMap::new(),
            needs: TaskNeeds::default(),
            task_deadline: None,
            start_timeout,
        }
    }
}

impl JobLife {
    /// Launches the job's task and waits until it accepts a command.
    ///
    /// # Behavior
    /// 1. The record is written before the launch, so that a crash at any moment leaves a trace.
    /// 2. After a crash the next prepare continues with the same task or the same key: never two
    ///    tasks.
    /// 3. A task that ends for want of capacity, or that the platform takes back before it is
    ///    ready, is replaced under a new key until the start timeout.
    /// 4. On failure and on cancel the task is stopped before the call returns; what could not be
    ///    stopped, and what an interrupted prepare left while it is still being looked into, stays
    ///    recorded for [`cleanup`](Self::cleanup).
    ///
    /// # Errors
    /// Those of [`TaskLauncher::launch`](crate::TaskLauncher::launch) and
    /// [`TaskLauncherExt::wait_ready`], the store's, and `Cancelled`.
    ///
    /// # Cancel safety
    /// Not cancel-safe; use `cancel`.
    pub async fn prepare(&self, plan: &PreparePlan, cancel: &CancellationToken) -> Result<()> {
        let now = Instant::now();
        let deadline = now.checked_add(plan.start_timeout).unwrap_or(now + LONGEST);
        let mut resumed = tokio::select! {
            resumed = self.resume() => resumed?,
            () = cancel.cancelled() => {
                return Err(cancelled("while an interrupted prepare was looked into"));
            }
        };
        // The launch of an interrupted prepare whose task was not found may still show one.
        let mut doubt = resumed.as_ref().is_some_and(|record| record.task.is_none());
        let mut pause = Backoff::new(Duration::from_secs(1), Duration::from_secs(15));
        loop {
            if cancel.is_cancelled() {
                return Err(cancelled("before it was launched"));
            }
            let mut record = match resumed.take() {
                Some(record) => record,
                None => self.new_record(plan)?,
            };
            let error = match self.attempt(&mut record, deadline, cancel).await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            let undone = self.undo(&record, doubt || outcome_unknown(&error)).await;
            doubt = false;
            let wait = pause.next_pause();
            let again = undone
                && record.task.is_some()
                && worth_another_task(&error)
                && !cancel.is_cancelled()
                && Instant::now() + wait < deadline;
            if !again {
                return Err(error);
            }
            self.tell(&JobEvent::LaunchingAgain(&error));
            tokio::select! {
                () = cancel.cancelled() => {}
                () = sleep(wait) => {}
            }
        }
    }

    fn new_record(&self, plan: &PreparePlan) -> Result<JobRecord> {
        let mut record = JobRecord::new(
            self.job.clone(),
            self.job.new_attempt()?,
            self.backend.new_credential()?,
        );
        record.labels.clone_from(&plan.labels);
        record.needs.clone_from(&plan.needs);
        record.deadline = plan.task_deadline;
        self.store.save(&record)?;
        Ok(record)
    }

    /// What an interrupted prepare of this job left: a record to go on with, or nothing.
    async fn resume(&self) -> Result<Option<JobRecord>> {
        let mut record = match self.store.load(&self.job) {
            Ok(None) => return Ok(None),
            Ok(Some(record)) => record,
            Err(error) => {
                // Without a record the key is lost, so a left-over task cannot be used.
                self.tell(&JobEvent::Trouble(&error));
                self.stop_unrecorded().await?;
                self.store.remove(&self.job)?;
                return Ok(None);
            }
        };
        if record.task.is_none() {
            record.task = self.find_launched(&record).await?;
        }
        let Some(task) = &record.task else {
            // The ledger may be late: the same key finds a task that was accepted all the same.
            return Ok(Some(record));
        };
        let launcher = self.launcher().await?;
        let over = match self.patiently(async || launcher.status(task).await).await {
            Ok(TaskStatus::Stopped(_)) => true,
            Ok(_) => false,
            Err(error) if error.kind() == ErrorKind::NotFound => true,
            Err(error) => return Err(error),
        };
        if over {
            // Where a task that is over leaves something, stopping removes it.
            self.stop(task).await?;
            self.store.remove(&self.job)?;
            return Ok(None);
        }
        self.tell(&JobEvent::Adopted { task });
        Ok(Some(record))
    }

    /// One task: launched, recorded, waited for, recorded again.
    async fn attempt(
        &self,
        record: &mut JobRecord,
        deadline: Instant,
        cancel: &CancellationToken,
    ) -> Result<()> {
        let launched = Instant::now();
        let exec = self.backend.exec(&record.credential)?;
        if let Some(endpoint) = &record.endpoint {
            // It was ready before: only the same host key will do now.
            let endpoint = self.probe_again(&*exec, endpoint, deadline, cancel).await?;
            record.endpoint = Some(endpoint);
            return self.ready(record, &exec, launched.elapsed(), cancel).await;
        }
        let task = match &record.task {
            Some(task) => task.clone(),
            None => {
                let task = self.launch(record, deadline, cancel).await?;
                record.task = Some(task.clone());
                self.store.save(record)?;
                self.tell(&JobEvent::Launched { task: &task, took: launched.elapsed() });
                task
            }
        };
        let endpoint = self
            .launcher()
            .await?
            .wait_ready(&task, &*exec, &self.backend.pace(), deadline, cancel, |waiting| {
                let after = launched.elapsed();
                self.tell(&match waiting {
                    Waiting::State(state) => JobEvent::State { state, after },
                    Waiting::Address(endpoint) => JobEvent::Address { endpoint, after },
                    Waiting::Notice(text) => JobEvent::Notice(text),
                    Waiting::Warning(text) => JobEvent::Warning(text),
                    Waiting::Trouble(error) => JobEvent::StillWaiting(error),
                });
            })
            .await?;
        if let Some(at) = self.backend.helper(&endpoint) {
            record.helper = Some(self.wait_helper(&task, &exec, at, deadline, cancel).await?);
        }
        record.endpoint = Some(endpoint);
        self.ready(record, &exec, launched.elapsed(), cancel).await
    }

    /// Probes a task that was ready before, for as long as it merely does not answer.
    async fn probe_again(
        &self,
        exec: &dyn RemoteExec,
        endpoint: &Endpoint,
        deadline: Instant,
        cancel: &CancellationToken,
    ) -> Result<Endpoint> {
        let pause = self.backend.pace().probe;
        let probing = async {
            loop {
                match exec.probe(endpoint).await {
                    Err(error) if error.kind().retry() == Retry::Soon => {}
                    Err(error) if error.kind() == ErrorKind::Timeout => {}
                    done => return done,
                }
                sleep(pause).await;
            }
        };
        tokio::select! {
            biased;
            () = cancel.cancelled() => Err(cancelled("while the task was looked at")),
            done = probing => done,
            () = sleep_until(deadline) => Err(Error::new(
                ErrorKind::Timeout,
                "reach the task",
                format!("{endpoint} was ready before and does not answer any more"),
            )),
        }
    }

    /// Notes that the task accepts commands, and waits for its services.
    async fn ready(
        &self,
        record: &JobRecord,
        exec: &Arc<dyn RemoteExec>,
        after: Duration,
        cancel: &CancellationToken,
    ) -> Result<()> {
        self.store.save(record)?;
        if let Some(endpoint) = &record.endpoint {
            self.tell(&JobEvent::Ready { endpoint, after });
        }
        self.wait_services(record, exec, cancel).await
    }

    /// Launches; on cancel and at the deadline lets a request that is under way come to its end.
    async fn launch(
        &self,
        record: &JobRecord,
        deadline: Instant,
        cancel: &CancellationToken,
    ) -> Result<TaskHandle> {
        self.tell(&JobEvent::Launching);
        let left = deadline.saturating_duration_since(Instant::now());
        let spec = self.spec(record)?.launch_timeout(left);
        let launcher = self.launcher().await?;
        let launch = launcher.launch(&spec);
        tokio::pin!(launch);
        let given_up = tokio::select! {
            biased;
            done = &mut launch => return done,
            () = cancel.cancelled() => cancelled("while it was launched"),
            () = sleep_until(deadline) => Error::new(
                ErrorKind::Timeout,
                OP,
                "the launch did not end before the start timeout",
            ),
        };
        timeout(LAUNCH_GRACE, &mut launch).await.unwrap_or(Err(given_up))
    }

    /// Stops what a failed attempt started, and says whether nothing of it is left. Else the
    /// record stays for cleanup. `doubt`: a task may have been started that is not recorded.
    async fn undo(&self, record: &JobRecord, doubt: bool) -> bool {
        let undone = match &record.task {
            Some(task) => self.stop(task).await,
            None if doubt => self.look_for_task().await,
            None => Ok(()),
        };
        let undone = undone.and_then(|()| self.store.remove(&self.job));
        if let Err(error) = &undone {
            self.tell(&JobEvent::LeftToCleanup(error));
        }
        undone.is_ok()
    }

    /// Stops the task of a launch whose outcome is unknown, if the ledger shows one soon.
    async fn look_for_task(&self) -> Result<()> {
        let lag = self.backend.pace().ledger_lag;
        match self.look_until(Instant::now() + lag.min(LOOK)).await {
            Ok(0) if !lag.is_zero() => Err(Error::new(
                ErrorKind::NotFound,
                "find the task",
                "the backend does not show whether the launch has started one",
            )),
            done => done.map(drop).map_err(ledger_needed),
        }
    }
}

const OP: &str = "start the task";
/// Stands for a start timeout too long for the clock.
const LONGEST: Duration = Duration::from_secs(30 * 24 * 3600);

pub(super) fn cancelled(when: &str) -> Error {
    Error::new(ErrorKind::Cancelled, OP, format!("cancelled {when}"))
}

/// Whether the platform's reason is one that another task may escape.
fn worth_another_task(error: &Error) -> bool {
    error.kind().retry() == Retry::Later
        || error.context_value(Stopped::CAUSE) == Some(StopCause::Interrupted.words())
}
