//! What runs beside a job's own container: the helper, and services.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::prepare::cancelled;
use super::{JobEvent, JobLife, JobRecord};
use crate::{
    Collected, Endpoint, Error, ErrorKind, ExecRequest, ExitStatus, OutputSink, RemoteExec, Result,
    TaskHandle, TaskLauncherExt, TaskService, TaskStatus, Waiting,
};

/// How long that log may take.
const LOG_PATIENCE: Duration = Duration::from_secs(15);
/// How much of a service's log is shown when it does not come up.
const LINES: usize = 50;

/// Which of a task's containers a script runs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum JobContainer {
    /// The one with the job's image.
    #[default]
    Job,
    /// The one for sources, cache and artifacts; where a task has none, the job's.
    Helper,
}

impl JobLife {
    /// Waits until the task's helper container at `at` accepts commands, or the task is over.
    pub(super) async fn wait_helper(
        &self,
        task: &TaskHandle,
        exec: &Arc<dyn RemoteExec>,
        at: Endpoint,
        deadline: Instant,
        cancel: &CancellationToken,
    ) -> Result<Endpoint> {
        let helper = Elsewhere { exec: Arc::clone(exec), at };
        let pace = self.backend.pace();
        self.launcher()
            .await?
            .wait_ready(task, &helper, &pace, deadline, cancel, |waiting| {
                // The task's own way up has been told.
                if let Waiting::Trouble(error) = waiting {
                    self.tell(&JobEvent::StillWaiting(error));
                }
            })
            .await
            .map_err(|error| error.with("container", "the helper"))
    }

    /// Waits until every service accepts connections whose port is known. One that does not come
    /// up is told with the end of its log, and the job goes on, as in GitLab Runner's executors.
    pub(super) async fn wait_services(
        &self,
        record: &JobRecord,
        exec: &Arc<dyn RemoteExec>,
        cancel: &CancellationToken,
    ) -> Result<()> {
        let (Some(task), Some(endpoint)) = (&record.task, &record.endpoint) else { return Ok(()) };
        let begun = Instant::now();
        let mut checks = JoinSet::new();
        for service in record.needs.services.iter().cloned() {
            let Some(request) = self.backend.service_check(&service) else {
                self.tell(&JobEvent::ServiceUnchecked { service: &service });
                continue;
            };
            let check = check(Arc::clone(exec), endpoint.clone(), request);
            checks.spawn(async move { (check.await, service) });
        }
        loop {
            let checked = tokio::select! {
                biased;
                // The task is about to be stopped, with whatever the checks have started there.
                () = cancel.cancelled() => {
                    return Err(cancelled("while its services were coming up"));
                }
                checked = checks.join_next() => checked,
            };
            let Some(checked) = checked else { return Ok(()) };
            let Ok((status, service)) = checked else { continue };
            let after = begun.elapsed();
            match status {
                Ok(status) if status.is_success() => {
                    self.tell(&JobEvent::ServiceUp { service: &service, after });
                }
                Ok(_) => {
                    let log = tokio::select! {
                        () = cancel.cancelled() => continue,
                        log = self.service_log(task, &service) => log,
                    };
                    let log = log.as_deref();
                    self.tell(&JobEvent::ServiceDown { service: &service, after, log });
                }
                Err(error) => {
                    if let Some(over) = self.over(task, &error).await {
                        return Err(over);
                    }
                    self.tell(&JobEvent::Trouble(&error.with("service", &service.name)));
                }
            }
        }
    }

    /// Why the task is over, if that is why a check failed.
    async fn over(&self, task: &TaskHandle, error: &Error) -> Option<Error> {
        let lost = [ErrorKind::ConnectionLost, ErrorKind::ConnectFailed, ErrorKind::Timeout];
        if !lost.contains(&error.kind()) {
            return None;
        }
        match self.launcher().await.ok()?.status(task).await {
            Ok(TaskStatus::Stopped(stopped)) => Some(stopped.into_error("start the task")),
            _ => None,
        }
    }

    async fn service_log(&self, task: &TaskHandle, service: &TaskService) -> Result<Vec<String>> {
        let log = async { self.launcher().await?.log(task, &service.name, LINES).await };
        timeout(LOG_PATIENCE, log).await.unwrap_or_else(|_| {
            Err(Error::new(ErrorKind::Timeout, "read a service's log", "it did not come in time"))
        })
    }
}

async fn check(
    exec: Arc<dyn RemoteExec>,
    endpoint: Endpoint,
    request: ExecRequest,
) -> Result<ExitStatus> {
    let mut said = Collected::default();
    let status = exec.exec(&endpoint, request, &mut said).await?;
    match status {
        ExitStatus::Code(0 | 1) => Ok(status),
        other => Err(Error::new(
            ErrorKind::Unexpected,
            "wait for a service",
            format!("the check itself failed ({other})"),
        )
        .with("said", said.stderr_text().trim().to_owned())),
    }
}

/// A transport that probes another place than it is told to: the wait for a task finds the
/// address of its first container by itself.
#[derive(Debug)]
struct Elsewhere {
    exec: Arc<dyn RemoteExec>,
    at: Endpoint,
}

#[async_trait]
impl RemoteExec for Elsewhere {
    async fn probe(&self, _: &Endpoint) -> Result<Endpoint> {
        self.exec.probe(&self.at).await
    }

    async fn exec(
        &self,
        _: &Endpoint,
        request: ExecRequest,
        out: &mut dyn OutputSink,
    ) -> Result<ExitStatus> {
        self.exec.exec(&self.at, request, out).await
    }
}
