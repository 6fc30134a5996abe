use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use super::Credential;
use crate::{Endpoint, ExecRequest, Pace, RemoteExec, Result, TaskLauncher, TaskService};

/// A configured backend, as a job needs it: a launcher, and a way in.
///
/// This is where a program joins a launcher and a transport that do not know each other.
#[async_trait]
pub trait JobBackend: fmt::Debug + Send + Sync + 'static {
    /// Connects to the launcher.
    ///
    /// Asked for at most once per stage, and not at all by a stage script that goes well, so
    /// that `run` needs no cloud credentials and no start-up time for them.
    ///
    /// # Errors
    /// `InvalidConfig` and `Unauthenticated`.
    async fn launcher(&self) -> Result<Arc<dyn TaskLauncher>>;

    /// A fresh credential for one task.
    ///
    /// # Errors
    /// `InvalidConfig` when a configured key cannot be read.
    fn new_credential(&self) -> Result<Credential>;

    /// The way into a task that was launched with `credential`.
    ///
    /// # Errors
    /// `InvalidConfig` when the credential cannot be read.
    fn exec(&self, credential: &Credential) -> Result<Arc<dyn RemoteExec>>;

    /// Where the helper container answers of a task whose job's container answers at `job`; `None`
    /// where tasks have none.
    fn helper(&self, job: &Endpoint) -> Option<Endpoint>;

    /// What to run in the job's container to wait for a service: it ends with 0 when the service
    /// accepts connections and with 1 when it did not in time. `None`: nothing can be waited for.
    fn service_check(&self, service: &TaskService) -> Option<ExecRequest>;

    /// How often to ask this backend while waiting.
    fn pace(&self) -> Pace;
}
