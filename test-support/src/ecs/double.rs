//! The double itself.

mod definitions;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::{AbortHandle, spawn_blocking};
use tokio::time::sleep;

use super::state::World;
use super::task::State;
use super::{EcsOptions, Fault, TaskEnd, TaskView, server};
use crate::address::check_port;
use crate::container::Group;
use crate::host::log_file;
use crate::signature::{ACCESS_KEY, SECRET_KEY};

/// A running double. Dropping it ends the server and every process of every task.
#[derive(Debug)]
pub struct EcsDouble {
    at: SocketAddr,
    world: Arc<World>,
    server: AbortHandle,
    /// Removed after the tasks are gone.
    _directory: TempDir,
}

impl EcsDouble {
    /// Starts a double on a free port of 127.0.0.1.
    ///
    /// # Panics
    /// When tasks could not listen at their addresses: not root and a port below 1024, or
    /// somebody else on that port of every address.
    pub async fn start(options: EcsOptions) -> Self {
        if options.program.listens() {
            check_port(options.ssh_port, "EcsOptions::ssh_port");
        }
        let directory = tempfile::Builder::new().prefix("ecs-double-").tempdir();
        let directory = directory.expect("a directory for the tasks");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port on 127.0.0.1");
        let at = listener.local_addr().expect("the port of the double");
        let world = Arc::new(World::new(options, directory.path().to_owned()));
        let server = tokio::spawn(server::serve(listener, Arc::clone(&world))).abort_handle();
        Self { at, world, server, _directory: directory }
    }

    /// The base URL of every service.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.at)
    }

    /// What it was started with.
    #[must_use]
    pub fn options(&self) -> &EcsOptions {
        &self.world.options
    }

    /// The region of this world.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.world.options.region
    }

    /// The access key id and the secret key that may do everything.
    #[must_use]
    pub fn credentials(&self) -> (&'static str, &'static str) {
        (ACCESS_KEY, SECRET_KEY)
    }

    /// The environment that leads an AWS SDK here.
    #[must_use]
    pub fn env(&self) -> Vec<(String, String)> {
        [
            ("AWS_ENDPOINT_URL", self.url().as_str()),
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY),
            ("AWS_SECRET_ACCESS_KEY", SECRET_KEY),
            ("AWS_REGION", self.region()),
            ("AWS_EC2_METADATA_DISABLED", "true"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
    }

    /// Lets something go wrong.
    ///
    /// # Panics
    /// On the name of an operation that does not exist.
    pub fn inject(&self, fault: Fault) {
        self.world.memory().faults.push(fault);
    }

    /// Forgets every fault that has not happened yet, and those that stay.
    pub fn clear_faults(&self) {
        self.world.memory().faults.clear();
    }

    /// How often each operation was called; refused calls count.
    #[must_use]
    pub fn calls(&self) -> BTreeMap<String, u64> {
        self.world.memory().calls.clone()
    }

    /// The bodies of the calls of `op`, oldest first. Forms are objects of strings.
    #[must_use]
    pub fn requests(&self, op: &str) -> Vec<Value> {
        let memory = self.world.memory();
        let mine = memory.requests.iter().filter(|(name, _)| name == op);
        mine.map(|(_, body)| body.clone()).collect()
    }

    /// Every task, oldest first, stopped ones too.
    #[must_use]
    pub fn tasks(&self) -> Vec<TaskView> {
        self.world.memory().tasks.values().map(TaskView::of).collect()
    }

    /// The task of that ARN.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn task(&self, arn: &str) -> TaskView {
        let view = self.world.with_task(arn, |task| TaskView::of(task));
        view.unwrap_or_else(|| panic!("no task {arn}"))
    }

    /// How many tasks are not STOPPED.
    #[must_use]
    pub fn running(&self) -> usize {
        let memory = self.world.memory();
        memory.tasks.values().filter(|task| task.state != State::Stopped).count()
    }

    /// What the program of a task has written to its stdout and stderr, or its containers one
    /// after the other.
    #[must_use]
    pub fn log(&self, arn: &str) -> String {
        let file = self.world.with_task(arn, |task| log_file(&task.directory));
        if let Some(group) = self.group(arn) {
            return group.log(None);
        }
        file.and_then(|file| std::fs::read_to_string(file).ok()).unwrap_or_default()
    }

    /// What one container has written, in a task whose containers are run.
    #[must_use]
    pub fn container_log(&self, arn: &str, container: &str) -> String {
        self.group(arn).map(|group| group.log(Some(container))).unwrap_or_default()
    }

    fn group(&self, arn: &str) -> Option<Arc<Group>> {
        self.world.with_task(arn, |task| task.group.clone()).flatten()
    }

    /// Ends a task from outside, as Spot or a lack of memory do, and waits until it is STOPPED.
    ///
    /// # Panics
    /// If there is no such task, or it does not end.
    pub async fn end_task(&self, arn: &str, end: TaskEnd) {
        let known = self.world.with_task(arn, |task| task.ends(end));
        assert!(known.is_some(), "no task {arn}");
        self.wait_for(arn, "STOPPED").await;
    }

    /// Waits until a task has reached a state, such as "RUNNING".
    ///
    /// # Panics
    /// If it is not there within 60 seconds, or stops before.
    pub async fn wait_for(&self, arn: &str, status: &str) -> TaskView {
        for _ in 0..6000 {
            let view = self.task(arn);
            if view.status == status {
                return view;
            }
            assert!(view.status != "STOPPED", "{arn} has stopped: {}", self.log(arn));
            sleep(Duration::from_millis(10)).await;
        }
        panic!("{arn} is {}, not {status}", self.task(arn).status);
    }

    /// Puts somebody else at the address of a task: another host key, the old sessions gone.
    ///
    /// # Panics
    /// If the task has no program running.
    pub async fn change_host_key(&self, arn: &str) {
        let host = self.world.with_task(arn, |task| task.host.clone()).flatten();
        let Some(host) = host else { panic!("nothing runs at the address of {arn}") };
        let changed = spawn_blocking(move || host.change_host_key()).await;
        changed.expect("the restart does not panic").expect("the program starts again");
    }
}

impl Drop for EcsDouble {
    fn drop(&mut self) {
        self.server.abort();
        self.world.close();
    }
}
