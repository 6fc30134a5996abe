//! A backend as a job needs it: where tasks are started, joined with the way into them.

use std::fmt;
use std::sync::Arc;

use fargate_core::job::{Credential, JobBackend};
use fargate_core::{
    Endpoint, ExecRequest, Pace, RemoteExec, Result, TaskLauncher, TaskService, async_trait,
};

use super::way_in::WayIn;

/// The settings of a launcher.
#[async_trait]
pub(super) trait Tasks: fmt::Debug + Send + Sync + 'static {
    /// Connects the launcher.
    async fn launcher(&self) -> Result<Arc<dyn TaskLauncher>>;

    /// Where a task's helper container answers: [`JobBackend::helper`].
    fn helper(&self, job: &Endpoint) -> Option<Endpoint>;

    /// How to wait for a service: [`JobBackend::service_check`].
    fn service_check(&self, service: &TaskService) -> Option<ExecRequest>;

    /// How often to ask it while waiting.
    fn pace(&self) -> Pace;
}

#[derive(Debug)]
pub(super) struct Joined<T> {
    tasks: T,
    way_in: WayIn,
}

impl<T: Tasks> Joined<T> {
    pub(super) fn open(tasks: T, way_in: WayIn) -> Arc<dyn JobBackend> {
        Arc::new(Self { tasks, way_in })
    }
}

#[async_trait]
impl<T: Tasks> JobBackend for Joined<T> {
    async fn launcher(&self) -> Result<Arc<dyn TaskLauncher>> {
        self.tasks.launcher().await
    }

    fn new_credential(&self) -> Result<Credential> {
        self.way_in.new_credential()
    }

    fn exec(&self, credential: &Credential) -> Result<Arc<dyn RemoteExec>> {
        self.way_in.exec(credential)
    }

    fn helper(&self, job: &Endpoint) -> Option<Endpoint> {
        self.tasks.helper(job)
    }

    fn service_check(&self, service: &TaskService) -> Option<ExecRequest> {
        self.tasks.service_check(service)
    }

    fn pace(&self) -> Pace {
        self.tasks.pace()
    }
}
