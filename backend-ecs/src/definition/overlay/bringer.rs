//! The container that brings the agent.

use fargate_core::{AgentSetup, Result};
use serde_json::json;

use super::fields::{Fields, put};
use super::lent::Lent;
use super::volumes;

/// Copies the agent into its volume and ends.
pub(super) fn container(agent: &AgentSetup, lent: &Lent) -> Result<Fields> {
    let mut bringer = lent.container(AgentSetup::BRINGER, "AgentImage", &agent.image, false)?;
    put(&mut bringer, "command", Some(json!(AgentSetup::INSTALL)));
    volumes::mount_agent(&mut bringer, false)?;
    Ok(bringer)
}
