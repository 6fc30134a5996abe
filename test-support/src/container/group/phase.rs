//! How far a container is.

use super::health::Health;
use crate::container::{Container, Ended};

/// How far a container is.
#[derive(Debug)]
pub(super) enum Phase {
    Waiting,
    Running { container: Box<Container>, started: bool, health: Health },
    Stopped { code: Option<i32>, reason: Option<String> },
}

/// How far a container is, for those who look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Standing {
    /// `lastStatus`.
    pub(crate) status: &'static str,
    /// `healthStatus`.
    pub(crate) health: &'static str,
    pub(crate) pid: Option<u32>,
    pub(crate) code: Option<i32>,
    pub(crate) reason: Option<String>,
}

impl Phase {
    pub(super) fn after(ended: Ended) -> Self {
        match ended {
            Ended::Exited(code) => Self::Stopped { code: Some(code), reason: None },
            Ended::NotStarted(why) => Self::not_started(&why),
        }
    }

    pub(super) fn not_started(why: &str) -> Self {
        let reason = format!("CannotStartContainerError: {why}");
        Self::Stopped { code: None, reason: Some(reason) }
    }

    pub(super) fn is_over(&self) -> bool {
        matches!(self, Self::Stopped { .. })
    }

    pub(super) fn standing(&self) -> Standing {
        let standing =
            |status| Standing { status, health: "UNKNOWN", pid: None, code: None, reason: None };
        match self {
            Self::Waiting | Self::Running { started: false, .. } => standing("PENDING"),
            Self::Running { container, health, .. } => {
                let health = health.status();
                Standing { health, pid: container.pid(), ..standing("RUNNING") }
            }
            Self::Stopped { code, reason } => {
                Standing { code: *code, reason: reason.clone(), ..standing("STOPPED") }
            }
        }
    }
}
