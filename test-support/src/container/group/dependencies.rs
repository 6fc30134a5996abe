//! `dependsOn`.

use serde_json::Value;

use super::phase::Phase;
use crate::json::text;

/// What a container waits for.
#[derive(Debug, Clone)]
pub(crate) struct Dependency {
    pub(super) container: String,
    condition: String,
}

/// Whether a container may start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outlook {
    Ready,
    Waits,
    /// It never will.
    Hopeless,
}

impl Dependency {
    pub(crate) fn read(value: &Value) -> Self {
        let field = |name: &str| text(value, name).unwrap_or_default().to_owned();
        Self { container: field("containerName"), condition: field("condition") }
    }

    /// The other one has to have ended with 0.
    pub(crate) fn success_of(container: &str) -> Self {
        Self { container: container.to_owned(), condition: "SUCCESS".to_owned() }
    }

    /// With the other container in this phase.
    ///
    /// As the ECS agent decides (`agent/engine/dependencygraph`): START also holds for one that has
    /// ended, and an end that cannot satisfy a condition is final.
    pub(super) fn outlook(&self, other: &Phase) -> Outlook {
        match (self.condition.as_str(), other) {
            ("HEALTHY", Phase::Running { health, .. }) if health.is_healthy() => Outlook::Ready,
            ("START", Phase::Running { started: true, .. } | Phase::Stopped { .. })
            | ("COMPLETE", Phase::Stopped { code: Some(_), .. })
            | ("SUCCESS", Phase::Stopped { code: Some(0), .. }) => Outlook::Ready,
            (_, Phase::Stopped { .. }) => Outlook::Hopeless,
            _ => Outlook::Waits,
        }
    }

    /// Why a container that needs this one has to stop, in the words of the ECS agent.
    pub(super) fn unmet(&self, target: &str, code: Option<i32>) -> String {
        let exit = code.map(|code| format!(" - Exit: {code}")).unwrap_or_default();
        let why = if self.condition == "SUCCESS" {
            " as dependency did not exit successfully."
        } else {
            ""
        };
        format!(
            "CannotStartContainerError: dependency graph: failed to resolve container ordering \
             dependency [{} (STOPPED->RUNNING){exit}] for target [{target} (NONE->RUNNING)]{why}",
            self.container
        )
    }
}
