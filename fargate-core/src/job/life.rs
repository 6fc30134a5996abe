use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OnceCell;
use tokio::time::{Instant, sleep};

use super::{HandleStore, JobBackend, JobEvent, JobId, Observer};
use crate::{Backoff, Result, Retry, TaskHandle, TaskLauncher};

/// Carries one job through prepare, run and cleanup.
///
/// Make one per process and stage; nothing is shared but the store and the backend.
#[derive(Debug)]
pub struct JobLife {
    pub(super) backend: Arc<dyn JobBackend>,
    pub(super) store: HandleStore,
    pub(super) job: JobId,
    observer: Arc<dyn Observer>,
    launcher: OnceCell<Arc<dyn TaskLauncher>>,
    pub(super) stop_grace: Duration,
    stop_patience: Duration,
}

impl JobLife {
    /// The life of `job` on `backend`, remembered in `store`, told to `observer`.
    #[must_use]
    pub fn new(
        job: JobId,
        backend: Arc<dyn JobBackend>,
        store: HandleStore,
        observer: Arc<dyn Observer>,
    ) -> Self {
        Self {
            backend,
            store,
            job,
            observer,
            launcher: OnceCell::new(),
            stop_grace: Duration::from_secs(10),
            stop_patience: Duration::from_secs(60),
        }
    }

    /// How long a stopped task's processes may take to end, where the backend lets us choose;
    /// 10 s by default.
    #[must_use]
    pub fn stop_grace(mut self, grace: Duration) -> Self {
        self.stop_grace = grace;
        self
    }

    /// How long stopping is retried while the service is in trouble; 60 s by default.
    #[must_use]
    pub fn stop_patience(mut self, patience: Duration) -> Self {
        self.stop_patience = patience;
        self
    }

    pub(super) async fn launcher(&self) -> Result<&Arc<dyn TaskLauncher>> {
        self.launcher.get_or_try_init(|| self.backend.launcher()).await
    }

    pub(super) fn tell(&self, event: &JobEvent<'_>) {
        self.observer.event(event);
    }

    /// Stops one task, patiently.
    pub(super) async fn stop(&self, task: &TaskHandle) -> Result<()> {
        self.tell(&JobEvent::Stopping { task });
        let launcher = self.launcher().await?;
        self.patiently(async || launcher.stop(task, self.stop_grace).await).await
    }

    /// Stops every task the ledger knows of this job. Returns how many.
    pub(super) async fn stop_listed(&self) -> Result<usize> {
        let found = self.listed().await?;
        for task in &found {
            self.stop(task).await?;
        }
        Ok(found.len())
    }

    /// The job's tasks that are not over, as the ledger knows them.
    pub(super) async fn listed(&self) -> Result<Vec<TaskHandle>> {
        let owner = self.job.owner()?;
        let launcher = self.launcher().await?;
        self.patiently(async || launcher.list(owner.as_str()).await).await
    }

    /// Repeats a call that may be repeated while the service is in trouble.
    pub(super) async fn patiently<T>(&self, mut call: impl AsyncFnMut() -> Result<T>) -> Result<T> {
        let until = Instant::now() + self.stop_patience;
        let mut pause = Backoff::new(Duration::from_millis(500), Duration::from_secs(5));
        loop {
            let error = match call().await {
                Ok(done) => return Ok(done),
                Err(error) => error,
            };
            let wait = pause.next_pause();
            if error.kind().retry() != Retry::Soon || Instant::now() + wait > until {
                return Err(error);
            }
            sleep(wait).await;
        }
    }
}
