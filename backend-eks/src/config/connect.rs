//! The way into a pod.

use serde::{Deserialize, Serialize};

/// How scripts reach a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Connect {
    /// SSH to the pod's own address. It loads the cluster's API with nothing, and needs a route.
    #[default]
    Ssh,
    /// SSH through the cluster's API, where no route exists:
    /// [`PodPorts`](crate::PodPorts).
    PortForward,
    /// By the cluster's API alone, from an image without an SSH server:
    /// [`PodExec`](crate::PodExec).
    Exec,
}
