use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use crate::{
    Endpoint, ExecRequest, ExitStatus, News, OutputSink, Pace, RemoteExec, Result, StopCause,
    Stopped, Stream, TaskHandle, TaskLauncher, TaskSpec, TaskStatus, watch_by_asking,
};

/// A backend that only remembers: for tests of what is built on top of a backend.
///
/// Clones share the same tasks, as processes share a cloud. A script "run" on it prints its own
/// text, on standard error where it runs, and exits with 0, or with N if its last line is `exit N`.
#[derive(Debug, Clone, Default)]
pub struct MemoryCloud {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    tasks: BTreeMap<String, Task>,
    /// What every launch asked for.
    asked: Vec<TaskSpec>,
    /// What becomes of the next launches instead of running.
    doomed: VecDeque<Stopped>,
    launched: usize,
    /// How long `list` does not show a new task.
    lag: Duration,
    /// `list` shows tasks without their keys.
    untagged: bool,
}

#[derive(Debug)]
struct Task {
    owner: String,
    since: Instant,
    stopped: Option<Stopped>,
}

const BACKEND: &str = "memory";

impl MemoryCloud {
    /// An empty cloud.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next launch is accepted and then stops like this.
    pub fn doom_next(&self, stopped: Stopped) {
        self.state().doomed.push_back(stopped);
    }

    /// From now on `list` shows a task only so long after its launch, as a cloud may.
    pub fn list_late(&self, lag: Duration) {
        self.state().lag = lag;
    }

    /// From now on `list` does not tell keys, as a cloud whose tags are not allowed.
    pub fn hide_keys(&self) {
        self.state().untagged = true;
    }

    /// Ends every running task like this.
    pub fn end_all(&self, stopped: &Stopped) {
        for task in self.state().tasks.values_mut().filter(|task| task.stopped.is_none()) {
            task.stopped = Some(stopped.clone());
        }
    }

    /// How many tasks are not over.
    #[must_use]
    pub fn running(&self) -> usize {
        self.state().tasks.values().filter(|task| task.stopped.is_none()).count()
    }

    /// What each launch asked for, oldest first, those included that found a task there.
    #[must_use]
    pub fn asked(&self) -> Vec<TaskSpec> {
        self.state().asked.clone()
    }

    /// How many tasks were ever started.
    #[must_use]
    pub fn launched(&self) -> usize {
        self.state().launched
    }
}

fn nameless(key: &str) -> TaskHandle {
    TaskHandle::new(BACKEND, format!("memory/{key}"), key.into())
}

fn handle(key: &str) -> TaskHandle {
    nameless(key).with_key(key)
}

#[async_trait]
impl TaskLauncher for MemoryCloud {
    fn backend(&self) -> &'static str {
        BACKEND
    }

    async fn launch(&self, spec: &TaskSpec) -> Result<TaskHandle> {
        // One turn of the scheduler, so that a dropped call can be dropped in the middle.
        tokio::task::yield_now().await;
        let mut state = self.state();
        state.asked.push(spec.clone());
        let key = spec.key.as_str();
        if !state.tasks.contains_key(key) {
            let stopped = state.doomed.pop_front();
            let task = Task { owner: spec.owner.to_string(), since: Instant::now(), stopped };
            state.tasks.insert(key.to_owned(), task);
            state.launched += 1;
        }
        Ok(handle(key))
    }

    async fn status(&self, task: &TaskHandle) -> Result<TaskStatus> {
        let key: String = task.state(BACKEND)?;
        Ok(match self.state().tasks.get(&key).map(|task| task.stopped.clone()) {
            None => TaskStatus::Stopped(Stopped::new(StopCause::Unknown, "never heard of it")),
            Some(Some(stopped)) => TaskStatus::Stopped(stopped),
            Some(None) => TaskStatus::Running {
                endpoint: Some(Endpoint::Ssh {
                    host: key,
                    port: 22,
                    user: "root".into(),
                    host_key: None,
                }),
            },
        })
    }

    async fn watch(
        &self,
        task: &TaskHandle,
        pace: &Pace,
        told: &mut (dyn for<'n> FnMut(News<'n>) + Send),
    ) -> Result<Stopped> {
        watch_by_asking(self, task, pace, told).await
    }

    async fn stop(&self, task: &TaskHandle, _: Duration) -> Result<()> {
        let key: String = task.state(BACKEND)?;
        if let Some(task) = self.state().tasks.get_mut(&key) {
            task.stopped.get_or_insert(Stopped::new(StopCause::Requested, "stopped on request"));
        }
        Ok(())
    }

    async fn list(&self, owner: &str) -> Result<Vec<TaskHandle>> {
        let state = self.state();
        let mine = state.tasks.iter().filter(|(_, task)| {
            task.owner == owner && task.stopped.is_none() && task.since.elapsed() >= state.lag
        });
        Ok(mine.map(|(key, _)| if state.untagged { nameless(key) } else { handle(key) }).collect())
    }

    /// Every container has written its own name and its task's.
    async fn log(&self, task: &TaskHandle, container: &str, lines: usize) -> Result<Vec<String>> {
        let key: String = task.state(BACKEND)?;
        Ok([container.to_owned(), key].into_iter().take(lines).collect())
    }
}

#[async_trait]
impl RemoteExec for MemoryCloud {
    async fn probe(&self, at: &Endpoint) -> Result<Endpoint> {
        Ok(at.clone().with_identity(format!("memory-key {at}")))
    }

    async fn exec(
        &self,
        at: &Endpoint,
        request: ExecRequest,
        out: &mut dyn OutputSink,
    ) -> Result<ExitStatus> {
        out.write(Stream::Stdout, &request.script).await?;
        out.write(Stream::Stderr, at.to_string().as_bytes()).await?;
        let text = String::from_utf8_lossy(&request.script);
        let code = text.trim_end().rsplit('\n').next().and_then(|last| last.strip_prefix("exit "));
        Ok(ExitStatus::Code(code.and_then(|code| code.parse().ok()).unwrap_or(0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::LauncherBench;

    /// The kit is tested on the simplest backend there is.
    async fn bench() -> LauncherBench {
        let cloud = MemoryCloud::new();
        LauncherBench {
            launcher: Arc::new(cloud.clone()),
            again: Arc::new(cloud),
            authorized_key: "ssh-ed25519 A".into(),
            guard: Box::new(()),
        }
    }

    crate::launcher_conformance!(super::bench);
}
