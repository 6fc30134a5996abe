//! What a later process needs to know of a task.

use std::time::{Duration, SystemTime};

use fargate_core::{Endpoint, Result, TaskHandle};
use serde::{Deserialize, Serialize};

use crate::config::EcsConfig;

/// Part of every handle this backend makes.
pub(crate) const BACKEND: &str = "ecs";

/// The private state of a handle. It holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EcsTask {
    pub(crate) cluster: String,
    pub(crate) region: String,
    /// Seconds since 1970; 0 when unknown.
    pub(crate) launched_at: u64,
    pub(crate) public_ip: bool,
    pub(crate) ssh_user: String,
    pub(crate) ssh_port: u16,
    pub(crate) container: String,
}

impl EcsTask {
    pub(crate) fn new(config: &EcsConfig, region: &str, launched_at: u64) -> Self {
        Self {
            cluster: config.cluster.clone(),
            region: region.to_owned(),
            launched_at,
            public_ip: config.public(),
            ssh_user: config.ssh_user.clone(),
            ssh_port: config.port(),
            container: config.container.clone(),
        }
    }

    pub(crate) fn read(handle: &TaskHandle) -> Result<Self> {
        handle.state(BACKEND)
    }

    pub(crate) fn into_handle(self, arn: &str, key: Option<&str>) -> TaskHandle {
        let state = serde_json::json!(self);
        let handle = TaskHandle::new(BACKEND, arn, state);
        match key {
            Some(key) => handle.with_key(key),
            None => handle,
        }
    }

    /// Whether ECS may not show the task yet, `invisible` being the longest it takes.
    pub(crate) fn is_fresh(&self, invisible: Duration) -> bool {
        now().saturating_sub(self.launched_at) < invisible.as_secs().max(1)
    }

    pub(crate) fn endpoint(&self, host: impl Into<String>) -> Endpoint {
        Endpoint::Ssh {
            host: host.into(),
            port: self.ssh_port,
            user: self.ssh_user.clone(),
            host_key: None,
        }
    }
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |past| past.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_survives_a_round_trip() {
        let task = EcsTask::new(&EcsConfig::new("ci", "task"), "eu-west-1", 7);
        let handle = task.clone().into_handle("arn:aws:ecs:eu-west-1:1:task/ci/1", Some("k"));
        assert_eq!(EcsTask::read(&handle).unwrap(), task);
        assert_eq!(handle.key(), Some("k"));
    }

    #[test]
    fn only_a_young_task_is_fresh() {
        let invisible = Duration::from_secs(60);
        let config = EcsConfig::new("ci", "task");
        assert!(EcsTask::new(&config, "r", now()).is_fresh(invisible));
        assert!(!EcsTask::new(&config, "r", now() - 61).is_fresh(invisible));
        assert!(!EcsTask::new(&config, "r", 0).is_fresh(invisible));
    }
}
