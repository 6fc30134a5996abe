//! Tasks on this machine.

use std::ffi::OsString;
use std::sync::Arc;

use fargate_backend_local::{LocalConfig, LocalLauncher};
use fargate_core::job::{Credential, JobBackend};
use fargate_core::{Error, ErrorKind, Pace, RemoteExec, Result, TaskLauncher, async_trait};

use super::way_in::WayIn;
use crate::config::Settings;
use crate::driver::local_directory;

#[derive(Debug)]
pub(super) struct LocalBackend {
    config: LocalConfig,
    way_in: WayIn,
}

impl LocalBackend {
    pub(super) fn new(settings: &Settings) -> Result<Self> {
        Ok(Self { config: local_config(settings)?, way_in: WayIn::new(settings) })
    }
}

#[async_trait]
impl JobBackend for LocalBackend {
    async fn launcher(&self) -> Result<Arc<dyn TaskLauncher>> {
        Ok(Arc::new(LocalLauncher::new(self.config.clone())))
    }

    fn new_credential(&self) -> Result<Credential> {
        self.way_in.new_credential()
    }

    fn exec(&self, credential: &Credential) -> Result<Arc<dyn RemoteExec>> {
        self.way_in.exec(credential)
    }

    fn pace(&self) -> Pace {
        Pace::local()
    }
}

/// The driver itself is the agent: no second program needs to be installed.
fn local_config(settings: &Settings) -> Result<LocalConfig> {
    let this = std::env::current_exe().map_err(|error| {
        Error::new(ErrorKind::Unexpected, "find this program", error.to_string())
    })?;
    let agent: Vec<OsString> = vec![this.into(), "agent".into()];
    Ok(LocalConfig::new(local_directory(settings)?.join("tasks"), agent))
}
