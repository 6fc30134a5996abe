//! The volumes of the agent, and those that job and helper share.

use fargate_core::{AgentSetup, Result};
use serde_json::{Value, json};

use super::fields::{Fields, push, wrong};

/// Begins the names of the volumes that job and helper share.
const SHARED: &str = "fargate-shared";

/// Adds the agent's volume, and with a helper one for each directory that it shares with the job,
/// mounted in the job's container. Where the base mounts something there, that is shared.
pub(super) fn share(job: &mut Fields, volumes: &mut Vec<Value>, agent: &AgentSetup) -> Result<()> {
    add(volumes, AgentSetup::BRINGER)?;
    let shared = if agent.helper.is_some() { agent.shared.as_slice() } else { &[] };
    for (number, path) in shared.iter().enumerate() {
        if is_mounted(job, path) {
            continue;
        }
        let name = format!("{SHARED}-{}", number + 1);
        add(volumes, &name)?;
        mount(job, &name, path, false);
    }
    Ok(())
}

/// Mounts the agent's volume.
pub(super) fn mount_agent(container: &mut Fields, read_only: bool) -> Result<()> {
    let directory = AgentSetup::DIRECTORY;
    if is_mounted(container, directory) {
        return Err(wrong(
            format!("the task definition mounts a volume at {directory} already"),
            "mount it elsewhere: the agent is mounted there",
        ));
    }
    mount(container, AgentSetup::BRINGER, directory, read_only);
    Ok(())
}

fn add(volumes: &mut Vec<Value>, name: &str) -> Result<()> {
    if volumes.iter().any(|one| one["name"] == name) {
        return Err(wrong(
            format!("the task definition has a volume {name:?} already"),
            "rename it: a volume that comes with the agent has this name",
        ));
    }
    volumes.push(json!({"name": name}));
    Ok(())
}

fn mount(container: &mut Fields, volume: &str, path: &str, read_only: bool) {
    let mount = json!({"sourceVolume": volume, "containerPath": path, "readOnly": read_only});
    push(container, "mountPoints", mount);
}

fn is_mounted(container: &Fields, path: &str) -> bool {
    let plain = |path: &str| path.trim_end_matches('/').to_owned();
    let here =
        |one: &Value| one["containerPath"].as_str().is_some_and(|at| plain(at) == plain(path));
    container.get("mountPoints").and_then(Value::as_array).is_some_and(|all| all.iter().any(here))
}
