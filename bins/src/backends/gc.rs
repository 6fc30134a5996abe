//! What no job needs any more in AWS.

use std::time::Duration;

pub use fargate_backend_ecs::{Collected, Fate, Reason};
use fargate_backend_ecs::{Collection, EcsLauncher};
use fargate_core::{Error, ErrorKind, Result};

use super::ecs;
use crate::config::{Settings, keys};

/// Deletes the task definitions that were derived from the configured one and not used for
/// `older_than`, or only tells which.
///
/// # Errors
/// `InvalidConfig` where the settings derive none; then those of [`EcsLauncher::collect`].
///
/// # Cancel safety
/// Cancel-safe.
pub async fn collect(
    settings: &Settings,
    older_than: Duration,
    dry_run: bool,
    told: &mut (dyn FnMut(&Collected) + Send),
) -> Result<()> {
    let backend = settings.text(keys::BACKEND).unwrap_or("ecs");
    if backend != "ecs" {
        return Err(nothing_derived(&format!("Backend is {backend:?}")));
    }
    let config = ecs::config(settings)?;
    if config.agent.is_none() {
        return Err(nothing_derived(&format!("{} is not set", keys::AGENT_IMAGE)));
    }
    let mut what = Collection::new(older_than);
    what.dry_run = dry_run;
    EcsLauncher::connect(config).await?.collect(&what, told).await
}

fn nothing_derived(why: &str) -> Error {
    let what =
        format!("{why}: these settings derive no task definitions, so none can be collected");
    Error::new(ErrorKind::InvalidConfig, "collect task definitions", what)
        .hint("name the configuration of an ECS driver with AgentImage by --config")
}
