//! What is known of a container before it starts.

use std::time::Duration;

use super::dependencies::Dependency;
use super::health::HealthCheck;
use crate::container::ImageRoot;

/// One container.
#[derive(Debug, Clone)]
pub(crate) struct ContainerPlan {
    pub(crate) name: String,
    pub(crate) image: String,
    /// `None` if there is no such image.
    pub(crate) tree: Option<ImageRoot>,
    pub(crate) essential: bool,
    pub(crate) dependencies: Vec<Dependency>,
    pub(crate) health_check: Option<HealthCheck>,
    pub(crate) stop_timeout: Option<Duration>,
    /// The entry point and the command.
    pub(crate) words: Vec<String>,
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) user: String,
    pub(crate) working_directory: String,
    pub(crate) read_only_root: bool,
    pub(crate) mounts: Vec<VolumeMount>,
}

/// A volume of the task or pod in a container.
#[derive(Debug, Clone)]
pub(crate) struct VolumeMount {
    pub(crate) volume: String,
    pub(crate) path: String,
    pub(crate) read_only: bool,
}
