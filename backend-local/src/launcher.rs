use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use fargate_core::{
    Endpoint, Error, ErrorKind, News, Pace, Result, StopCause, Stopped, TaskHandle, TaskKey,
    TaskLauncher, TaskSpec, TaskStatus, watch_by_asking,
};
use serde::{Deserialize, Serialize};

use crate::marks::Marks;
use crate::record::TaskRecord;
use crate::root::Root;
use crate::task_dir::{Exclusive, TaskDir};
use crate::{LocalConfig, agent, fail, image_root, stop, sweep};

const BACKEND: &str = "local";
const START: &str = "start local task";

/// Starts tasks as detached processes on this machine.
///
/// See the [crate documentation](crate) for what a task is and what it leaves where. An image is one
/// of [`LocalConfig::images`], or it is ignored; services and sizes always are.
#[derive(Debug, Clone)]
pub struct LocalLauncher {
    root: Root,
    marks: Marks,
    config: LocalConfig,
}

/// The private part of a handle. The root is not in it: whoever could change a handle must not be
/// able to name a directory.
#[derive(Debug, Serialize, Deserialize)]
struct State {
    key: TaskKey,
}

impl LocalLauncher {
    /// A launcher; nothing is touched before the first call.
    #[must_use]
    pub fn new(config: LocalConfig) -> Self {
        let root = Root::new(&config.directory);
        Self { marks: Marks::below(root.path()), root, config }
    }

    fn handle(key: &TaskKey) -> TaskHandle {
        TaskHandle::new(BACKEND, key.as_str(), serde_json::json!({ "key": key }))
            .with_key(key.as_str())
    }

    fn dir(&self, task: &TaskHandle) -> Result<(TaskKey, TaskDir)> {
        let State { key } = task.state(BACKEND)?;
        let dir = self.root.task(&key);
        Ok((key, dir))
    }

    /// The directory of the task's image, if it has one here.
    fn image_root(&self, spec: &TaskSpec) -> Option<(&String, &PathBuf)> {
        self.config.images.get_key_value(&spec.needs.image.as_ref()?.name)
    }

    /// Does the part of a launch that must not be interrupted.
    fn start(&self, spec: &TaskSpec, dir: &TaskDir, lock: &Exclusive) -> Result<()> {
        let on_dir = |error| fail::on_path(START, dir.path(), error);
        if self.marks.has(&spec.key) {
            // Where an agent runs or ran, the directory is the stop's to remove.
            if !dir.is_alive() && !dir.was_started() {
                self.root.remove(dir).map_err(on_dir)?;
            }
            return Err(conflict(&spec.key, "was stopped before", "launch with a new key"));
        }
        if let Some(known) = dir.task().map_err(on_dir)?
            && (known.owner != spec.owner || known.authorized_key != spec.authorized_key)
        {
            return Err(conflict(
                &spec.key,
                "is taken by a task of another owner or client key",
                "launch with a key of its own, or stop the other task",
            ));
        }
        let Some(agent_lock) = dir.take_agent_lock().map_err(on_dir)? else {
            return Ok(());
        };
        if dir.was_started() {
            // It is over. That it stays so is the caller's to see in its status.
            return Ok(());
        }
        let root = self.image_root(spec).map(|(_, root)| root.as_path());
        dir.write_task(&TaskRecord::new(spec)).map_err(on_dir)?;
        let started = agent::start(&self.config.agent, dir, spec, root, agent_lock);
        if started.is_err()
            && !dir.is_alive()
            && let Err(error) = self.root.remove(dir)
        {
            tracing::warn!(%error, ?lock, "the directory of a failed start is left");
        }
        started
    }
}

fn conflict(key: &TaskKey, what: &str, hint: &str) -> Error {
    Error::new(ErrorKind::Conflict, START, format!("the key {key} {what}"))
        .with("key", key.as_str())
        .hint(hint)
}

/// How a task ended whose agent is gone.
fn stopped(dir: &TaskDir) -> Stopped {
    let log = dir.log_tail();
    let stopped = if dir.has_listened() {
        Stopped::new(StopCause::Exited, "the task's agent has ended")
            .hint("if it ended at its deadline, allow the task more time")
    } else {
        Stopped::new(StopCause::FailedToStart, "the task's agent ended before it listened")
            .hint("the agent's last words say why")
    };
    if log.is_empty() { stopped } else { stopped.fact("agent log", log) }
}

#[async_trait]
impl TaskLauncher for LocalLauncher {
    fn backend(&self) -> &'static str {
        BACKEND
    }

    async fn launch(&self, spec: &TaskSpec) -> Result<TaskHandle> {
        if let Some((image, root)) = self.image_root(spec) {
            image_root::check(image, root)?;
        } else if let Some(image) = &spec.needs.image {
            tracing::warn!(image = image.name, "the image has no directory here and is ignored");
        }
        self.root.prepare()?;
        let dir = self.root.task(&spec.key);
        let on_dir = |error| fail::on_path(START, dir.path(), error);
        let lock = loop {
            dir.create().map_err(on_dir)?;
            if let Some(lock) = dir.lock().await.map_err(on_dir)? {
                break lock;
            }
        };
        // On a thread of its own, so that a dropped call does not stop halfway.
        let (this, spec_too) = (self.clone(), spec.clone());
        let started = tokio::task::spawn_blocking(move || {
            this.root.tidy();
            this.start(&spec_too, &dir, &lock)
        });
        started.await.map_err(|error| {
            Error::new(ErrorKind::Unexpected, START, "the start was aborted").source(error)
        })??;
        Ok(Self::handle(&spec.key))
    }

    async fn status(&self, task: &TaskHandle) -> Result<TaskStatus> {
        let (key, dir) = self.dir(task)?;
        let op = "ask for local task";
        // Asked first: an agent that ends in between is then seen as listening once more.
        let alive = dir.is_alive();
        let agent = dir.agent().map_err(|error| fail::on_path(op, dir.path(), error))?;
        match agent {
            Some(agent) if alive => Ok(TaskStatus::Running {
                endpoint: Some(Endpoint::Ssh {
                    host: agent.host,
                    port: agent.port,
                    user: "task".into(),
                    host_key: Some(agent.host_key),
                }),
            }),
            None if alive => Ok(TaskStatus::Pending { detail: "starting".into(), endpoint: None }),
            _ if !dir.exists() => Err(Error::new(
                ErrorKind::NotFound,
                op,
                format!("the task {key} is not, or no longer, in {}", self.root.path().display()),
            )
            .with("key", key.as_str())
            .hint("it was stopped, or the directory for local tasks was changed")),
            _ => Ok(TaskStatus::Stopped(stopped(&dir))),
        }
    }

    async fn watch(
        &self,
        task: &TaskHandle,
        pace: &Pace,
        told: &mut (dyn for<'n> FnMut(News<'n>) + Send),
    ) -> Result<Stopped> {
        watch_by_asking(self, task, pace, told).await
    }

    async fn stop(&self, task: &TaskHandle, grace: Duration) -> Result<()> {
        let (key, dir) = self.dir(task)?;
        let on_dir = |error| fail::on_path("stop local task", dir.path(), error);
        self.marks.set(&key).map_err(on_dir)?;
        // Without a directory the task is over, or is being stopped by somebody who is past the
        // end of its processes.
        let Some(_lock) = dir.lock().await.map_err(on_dir)? else { return Ok(()) };
        stop::end_agent(&dir, grace).await?;
        sweep::sweep(dir.path()).await;
        let (root, dir_too) = (self.root.clone(), dir.clone());
        let removed = tokio::task::spawn_blocking(move || root.remove(&dir_too)).await;
        removed.map_err(|error| on_dir(error.into()))?.map_err(on_dir)
    }

    async fn list(&self, owner: &str) -> Result<Vec<TaskHandle>> {
        let mut found = Vec::new();
        for key in self.root.keys()? {
            let dir = self.root.task(&key);
            match dir.task() {
                Ok(Some(task)) if task.key == key => {
                    // One that never came up is listed too: its directory has to be removed.
                    if task.owner.as_str() == owner && (dir.is_alive() || !dir.has_listened()) {
                        found.push(Self::handle(&key));
                    }
                }
                Ok(Some(_)) => {
                    tracing::warn!(%key, "a task directory holds the record of another task");
                }
                Ok(None) => tracing::debug!(%key, "a task directory has no record yet"),
                Err(error) => tracing::warn!(%key, %error, "a task record cannot be read"),
            }
        }
        Ok(found)
    }

    async fn log(&self, _: &TaskHandle, container: &str, _: usize) -> Result<Vec<String>> {
        let what = format!("a task on this machine has no container {container:?}");
        Err(Error::new(ErrorKind::NotFound, "read a container's log", what))
    }
}
