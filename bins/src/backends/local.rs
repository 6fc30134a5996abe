//! Tasks on this machine.

use std::ffi::OsString;
use std::sync::Arc;

use fargate_backend_local::{LocalConfig, LocalLauncher};
use fargate_core::{
    Endpoint, Error, ErrorKind, ExecRequest, Pace, Result, TaskLauncher, TaskService, async_trait,
};

use super::joined::Tasks;
use crate::config::{Settings, keys};
use crate::driver::local_directory;

#[async_trait]
impl Tasks for LocalConfig {
    async fn launcher(&self) -> Result<Arc<dyn TaskLauncher>> {
        Ok(Arc::new(LocalLauncher::new(self.clone())))
    }

    fn helper(&self, _: &Endpoint) -> Option<Endpoint> {
        None
    }

    fn service_check(&self, _: &TaskService) -> Option<ExecRequest> {
        None
    }

    fn pace(&self) -> Pace {
        Pace::local()
    }
}

/// What prepare is about to do.
pub(super) fn describe(image: Option<&str>) -> String {
    let image = image.map(|image| format!(" with image {image}")).unwrap_or_default();
    format!("Starting a task{image} on this machine")
}

/// Checks the directories of the images.
pub(super) fn check(settings: &Settings) -> Result<()> {
    config(settings)?.check()
}

/// The driver itself is the agent: no second program needs to be installed.
pub(super) fn config(settings: &Settings) -> Result<LocalConfig> {
    let this = std::env::current_exe().map_err(|error| {
        Error::new(ErrorKind::Unexpected, "find this program", error.to_string())
    })?;
    let agent: Vec<OsString> = vec![this.into(), "agent".into()];
    let mut config = LocalConfig::new(local_directory(settings)?.join("tasks"), agent);
    let images = settings.text_map(keys::LOCAL_IMAGES);
    config.images = images.into_iter().map(|(image, root)| (image, root.into())).collect();
    Ok(config)
}
