use std::collections::HashMap;
use std::future::pending;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use crate::{
    Endpoint, Error, ErrorKind, ExecRequest, ExitStatus, News, OutputSink, Pace, RemoteExec,
    Result, Stopped, TaskHandle, TaskLauncher, TaskSpec, TaskStatus, watch_by_asking,
};

/// Every method a fault can hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// [`TaskLauncher::launch`]
    Launch,
    /// [`TaskLauncher::status`]
    Status,
    /// [`TaskLauncher::watch`]
    Watch,
    /// [`TaskLauncher::stop`]
    Stop,
    /// [`TaskLauncher::list`]
    List,
    /// [`TaskLauncher::log`]
    Log,
    /// [`RemoteExec::probe`]
    Probe,
    /// [`RemoteExec::exec`]
    Exec,
}

/// When a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Instead of the work.
    Before(ErrorKind),
    /// After the work was done: its answer is lost.
    After(ErrorKind),
    /// Never answers, without doing the work.
    Hang,
    /// Never answers, after the work was done.
    HangAfter,
}

/// The faults to come, and a count of the calls that came.
#[derive(Debug, Default)]
pub struct Faults {
    planned: Mutex<Vec<(Method, u32, When)>>,
    calls: Mutex<HashMap<Method, u32>>,
}

impl Faults {
    /// No faults yet.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// The next `times` calls of `method` fail as `when` says.
    pub fn plan(&self, method: Method, times: u32, when: When) {
        self.planned.lock().unwrap_or_else(PoisonError::into_inner).push((method, times, when));
    }

    /// How often `method` was called.
    #[must_use]
    pub fn calls(&self, method: Method) -> u32 {
        let calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        calls.get(&method).copied().unwrap_or(0)
    }

    fn take(&self, method: Method) -> Option<When> {
        *self.calls.lock().unwrap_or_else(PoisonError::into_inner).entry(method).or_default() += 1;
        let mut planned = self.planned.lock().unwrap_or_else(PoisonError::into_inner);
        let at = planned.iter().position(|(planned, _, _)| *planned == method)?;
        let when = planned[at].2;
        planned[at].1 -= 1;
        if planned[at].1 == 0 {
            planned.remove(at);
        }
        Some(when)
    }

    async fn around<T>(&self, method: Method, work: impl Future<Output = Result<T>>) -> Result<T> {
        match self.take(method) {
            None => work.await,
            Some(When::Before(kind)) => Err(injected(kind)),
            Some(When::After(kind)) => {
                work.await?;
                Err(injected(kind))
            }
            Some(When::Hang) => pending().await,
            Some(When::HangAfter) => {
                work.await?;
                pending().await
            }
        }
    }
}

fn injected(kind: ErrorKind) -> Error {
    Error::new(kind, "injected fault", "this call fails on purpose")
}

/// A launcher whose every method can be made to fail.
///
/// Its watch asks for the status, so that a fault of [`Method::Status`] strikes there too.
#[derive(Debug, Clone)]
pub struct FaultyLauncher {
    inner: Arc<dyn TaskLauncher>,
    faults: Arc<Faults>,
}

impl FaultyLauncher {
    /// Wraps `inner`.
    #[must_use]
    pub fn new(inner: Arc<dyn TaskLauncher>, faults: Arc<Faults>) -> Self {
        Self { inner, faults }
    }
}

#[async_trait]
impl TaskLauncher for FaultyLauncher {
    fn backend(&self) -> &'static str {
        self.inner.backend()
    }

    async fn launch(&self, spec: &TaskSpec) -> Result<TaskHandle> {
        self.faults.around(Method::Launch, self.inner.launch(spec)).await
    }

    async fn status(&self, task: &TaskHandle) -> Result<TaskStatus> {
        self.faults.around(Method::Status, self.inner.status(task)).await
    }

    async fn watch(
        &self,
        task: &TaskHandle,
        pace: &Pace,
        told: &mut (dyn for<'n> FnMut(News<'n>) + Send),
    ) -> Result<Stopped> {
        self.faults.around(Method::Watch, watch_by_asking(self, task, pace, told)).await
    }

    async fn stop(&self, task: &TaskHandle, grace: Duration) -> Result<()> {
        self.faults.around(Method::Stop, self.inner.stop(task, grace)).await
    }

    async fn list(&self, owner: &str) -> Result<Vec<TaskHandle>> {
        self.faults.around(Method::List, self.inner.list(owner)).await
    }

    async fn log(&self, task: &TaskHandle, container: &str, lines: usize) -> Result<Vec<String>> {
        self.faults.around(Method::Log, self.inner.log(task, container, lines)).await
    }
}

/// A transport whose every method can be made to fail.
#[derive(Debug, Clone)]
pub struct FaultyExec {
    inner: Arc<dyn RemoteExec>,
    faults: Arc<Faults>,
}

impl FaultyExec {
    /// Wraps `inner`.
    #[must_use]
    pub fn new(inner: Arc<dyn RemoteExec>, faults: Arc<Faults>) -> Self {
        Self { inner, faults }
    }
}

#[async_trait]
impl RemoteExec for FaultyExec {
    async fn probe(&self, at: &Endpoint) -> Result<Endpoint> {
        self.faults.around(Method::Probe, self.inner.probe(at)).await
    }

    async fn exec(
        &self,
        at: &Endpoint,
        request: ExecRequest,
        out: &mut dyn OutputSink,
    ) -> Result<ExitStatus> {
        self.faults.around(Method::Exec, self.inner.exec(at, request, out)).await
    }
}
