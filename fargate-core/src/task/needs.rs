use serde::{Deserialize, Serialize};

use super::{TaskImage, TaskService};

/// What one task is to have that others of its backend need not.
///
/// Whoever fills it in has checked that the task may have it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TaskNeeds {
    /// The image to run instead of the backend's own, where the backend can choose one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<TaskImage>,
    /// What runs beside it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<TaskService>,
    /// Sizes and rights.
    #[serde(default, skip_serializing_if = "TaskResources::is_default")]
    pub resources: TaskResources,
}

/// Sizes and rights of one task; `None` is the backend's own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TaskResources {
    /// CPU in units of 1/1024 vCPU, a size that the platform has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<u32>,
    /// Memory in MiB, a size that the platform has together with the CPU.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<u32>,
    /// Ephemeral storage in GiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ephemeral_storage: Option<u32>,
    /// What it may be taken back from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity: Option<Capacity>,
    /// The identity of the job's own calls to the cloud, as the backend names it: the ARN of a
    /// role on ECS, a service account in Kubernetes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
}

impl TaskResources {
    /// Whether all of it is the backend's own.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Whether the platform may take a task back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Capacity {
    /// Cheaper, and may be taken back at short notice.
    Spot,
    /// Stays until it is stopped.
    OnDemand,
}
