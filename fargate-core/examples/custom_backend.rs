//! A backend of your own: implement [`TaskLauncher`], then let the conformance kit test it.
//!
//! This one "launches" plain `sleep` processes, which is all it takes to show the contract:
//! idempotent launch, status, a watch, idempotent stop, and a list that finds what was launched.
//!
//! ```sh
//! cargo run -p fargate-core --features testkit --example custom_backend
//! ```

use std::collections::HashMap;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use fargate_core::testkit::{LauncherBench, launcher as cases};
use fargate_core::{
    Endpoint, Error, ErrorKind, News, Pace, Result, StopCause, Stopped, TaskHandle, TaskLauncher,
    TaskSpec, TaskStatus, async_trait, watch_by_asking,
};
use tokio::process::{Child, Command};
use tokio::sync::Mutex;

const BACKEND: &str = "sleep";

/// One `sleep` per task, remembered by its key.
#[derive(Debug, Clone, Default)]
struct SleepLauncher {
    tasks: Arc<Mutex<HashMap<String, Task>>>,
}

#[derive(Debug)]
struct Task {
    owner: String,
    /// `None` once it was stopped: a stopped key stays dead.
    child: Option<Child>,
}

fn handle(key: &str) -> TaskHandle {
    // Whatever a later process needs goes into the state; here the key is enough.
    TaskHandle::new(BACKEND, format!("sleep/{key}"), key.into()).with_key(key)
}

#[async_trait]
impl TaskLauncher for SleepLauncher {
    fn backend(&self) -> &'static str {
        BACKEND
    }

    async fn launch(&self, spec: &TaskSpec) -> Result<TaskHandle> {
        let key = spec.key.as_str();
        let mut tasks = self.tasks.lock().await;
        if !tasks.contains_key(key) {
            let seconds = spec.deadline.unwrap_or(Duration::from_secs(3600)).as_secs();
            let child = Command::new("sleep")
                .arg(seconds.to_string())
                .stdin(Stdio::null())
                .kill_on_drop(true)
                .spawn()
                .map_err(|error| {
                    Error::new(ErrorKind::Unexpected, "start the task", "sleep did not start")
                        .hint("install coreutils")
                        .source(error)
                })?;
            let owner = spec.owner.to_string();
            tasks.insert(key.to_owned(), Task { owner, child: Some(child) });
        }
        Ok(handle(key))
    }

    async fn status(&self, task: &TaskHandle) -> Result<TaskStatus> {
        let key: String = task.state(BACKEND)?;
        let mut tasks = self.tasks.lock().await;
        let Some(task) = tasks.get_mut(&key) else {
            return Err(Error::new(ErrorKind::NotFound, "ask for the task", "no such key"));
        };
        let ended = match &mut task.child {
            None => return Ok(stopped(StopCause::Requested, "stopped on request")),
            Some(child) => child.try_wait().ok().flatten(),
        };
        Ok(match ended {
            Some(status) => stopped(StopCause::Exited, &status.to_string()),
            None => TaskStatus::Running {
                endpoint: Some(Endpoint::Ssh {
                    host: "127.0.0.1".into(),
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

    async fn stop(&self, task: &TaskHandle, _grace: Duration) -> Result<()> {
        let key: String = task.state(BACKEND)?;
        if let Some(task) = self.tasks.lock().await.get_mut(&key)
            && let Some(mut child) = task.child.take()
        {
            // An error means that it has ended already, which is what was asked for.
            child.kill().await.ok();
        }
        Ok(())
    }

    async fn list(&self, owner: &str) -> Result<Vec<TaskHandle>> {
        let tasks = self.tasks.lock().await;
        let mine = tasks.iter().filter(|(_, task)| task.owner == owner && task.child.is_some());
        Ok(mine.map(|(key, _)| handle(key)).collect())
    }

    async fn log(&self, _: &TaskHandle, _: &str, _: usize) -> Result<Vec<String>> {
        Err(Error::new(ErrorKind::Unsupported, "read a container's log", "nobody keeps it"))
    }
}

fn stopped(cause: StopCause, reason: &str) -> TaskStatus {
    TaskStatus::Stopped(Stopped::new(cause, reason))
}

#[tokio::main]
async fn main() {
    let launcher = SleepLauncher::default();
    let bench = LauncherBench {
        launcher: Arc::new(launcher.clone()),
        again: Arc::new(launcher),
        authorized_key: "ssh-ed25519 AAAA".into(),
        guard: Box::new(()),
    };
    // In a crate of its own this is one line: fargate_core::launcher_conformance!(bench);
    cases::same_key_at_once_is_one_task(&bench.launcher, &bench).await;
    cases::watch_tells_the_way_up_and_the_end(&bench.launcher, &bench).await;
    cases::stop_twice_is_fine(&bench.launcher, &bench).await;
    cases::stopped_key_stays_dead(&bench.launcher, &bench).await;
    cases::foreign_handle_is_refused(&bench.launcher, &bench).await;
}
