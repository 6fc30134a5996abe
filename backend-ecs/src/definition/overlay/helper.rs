//! The helper container: sources, cache and artifacts.

use fargate_core::{AgentSetup, Result, TaskImage};
use serde_json::json;

use super::fields::{Fields, put, set_variables};
use super::job;
use super::lent::Lent;

/// Runs an agent of its own in `image`, with the volumes of the job's container, which is
/// complete by now.
pub(super) fn container(
    job: &Fields,
    agent: &AgentSetup,
    image: &TaskImage,
    hosts: &[&str],
    lent: &Lent,
) -> Result<Fields> {
    // Without it no stage after the job's scripts could run, so its end is the task's.
    let mut helper = lent.container(AgentSetup::HELPER, "HelperImage", image, true)?;
    put(&mut helper, "entryPoint", Some(json!([AgentSetup::PROGRAM])));
    set_variables(&mut helper, agent.helper_environment(hosts));
    put(&mut helper, "mountPoints", job.get("mountPoints").cloned());
    job::wait_for_agent(&mut helper);
    Ok(helper)
}
