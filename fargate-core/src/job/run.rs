use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::{JobContainer, JobLife};
use crate::{
    Error, ErrorKind, ExecRequest, ExitStatus, OutputSink, Result, TaskHandle, TaskLauncherExt,
};

/// How long a lost connection is looked into: ECS shows the end of a task some seconds late.
const DIAGNOSIS: Duration = Duration::from_secs(20);

impl JobLife {
    /// Runs one script in a container of the job's task.
    ///
    /// The backend is not asked anything, unless there is no connection (any more): then for 20 s
    /// at most whether the task is over, to say why.
    ///
    /// # Errors
    /// `NotFound` when no task is recorded, `TaskFailed` and the like when the task turned out to
    /// be over, else as [`RemoteExec::exec`](crate::RemoteExec::exec).
    ///
    /// # Cancel safety
    /// Not cancel-safe; use [`ExecRequest::cancel`].
    pub async fn run(
        &self,
        container: JobContainer,
        request: ExecRequest,
        out: &mut dyn OutputSink,
    ) -> Result<ExitStatus> {
        let record = self.store.load(&self.job)?.ok_or_else(|| {
            Error::new(
                ErrorKind::NotFound,
                "find the job's task",
                format!("there is no metadata file {}", self.store.path(&self.job).display()),
            )
            .hint(
                "prepare failed or cleanup already ran: look further up in the log; \
                 else check that every stage uses the same [TaskMetadata] Directory",
            )
        })?;
        let helper = record.helper.as_ref().filter(|_| container == JobContainer::Helper);
        let Some(endpoint) = helper.or(record.endpoint.as_ref()) else {
            return Err(Error::new(
                ErrorKind::NotFound,
                "find the job's task",
                "prepare did not finish: the task was never seen to accept a command",
            )
            .hint("look further up in the log for the reason"));
        };
        let exec = self.backend.exec(&record.credential)?;
        let error = match exec.exec(endpoint, request, out).await {
            Ok(status) => return Ok(status),
            Err(error) => error,
        };
        match (&record.task, error.kind()) {
            (
                Some(task),
                ErrorKind::ConnectionLost | ErrorKind::ConnectFailed | ErrorKind::Timeout,
            ) => Err(self.explain_loss(task, error).await),
            _ => Err(error),
        }
    }

    /// Asks the backend whether the task is over; if it is, that is the better error.
    async fn explain_loss(&self, task: &TaskHandle, error: Error) -> Error {
        let until = Instant::now() + DIAGNOSIS;
        let asked = async {
            let pace = self.backend.pace();
            self.launcher().await?.wait_stopped(task, &pace, until).await
        };
        let late = || Error::new(ErrorKind::Timeout, "ask for the task", "no answer");
        match timeout_at(until, asked).await.unwrap_or_else(|_| Err(late())) {
            Ok(Some(stopped)) => stopped.into_error("run the script").source(error),
            Ok(None) => Error::new(
                ErrorKind::TaskFailed,
                "run the script",
                "the task is gone: the backend does not know it any more",
            )
            .with("task", task.id())
            .hint("somebody has deleted it, or its machine went away: retry the job")
            .source(error),
            Err(ask) if ask.kind() == ErrorKind::Timeout => {
                error.with("task", format!("{} still runs; only the connection broke", task.id()))
            }
            Err(ask) => error.with("task", format!("its state could not be asked: {ask}")),
        }
    }
}
