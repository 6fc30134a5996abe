//! The agent in a pod, and the helper container that comes with it.

use fargate_core::{AgentSetup, Result, TaskSpec, host_proof};
use serde_json::{Value, json};

use super::containers::{add, mount, push, refused, variables};
use super::services::other_names;
use super::{PUBLIC_KEY, jobs_containers};
use crate::config::{Connect, EksConfig};
use crate::image;

/// Puts the agent into the pod of `spec`.
///
/// An init container brings it in a volume. Over SSH the jobs' container runs it, behind the
/// entry point that the task brings. Through `pods/exec` nobody has to listen; then the volume is
/// there if something needs what is in it.
pub(super) fn bring(
    pod: &mut Value,
    config: &EksConfig,
    agent: &AgentSetup,
    spec: &TaskSpec,
) -> Result<()> {
    let by_exec = config.connect == Connect::Exec;
    if by_exec && agent.helper.is_none() && spec.needs.services.is_empty() {
        return Ok(());
    }
    let hosts = other_names(&spec.needs.services);
    let mut bringer = json!({ "name": AgentSetup::BRINGER, "args": AgentSetup::INSTALL });
    image::put(&agent.image, &mut bringer)?;
    mount(&mut bringer, AgentSetup::BRINGER, AgentSetup::DIRECTORY, false);
    add_volume(pod, AgentSetup::BRINGER)?;
    add(pod, "initContainers", bringer)?;

    for container in jobs_containers(pod) {
        if mounted(container, AgentSetup::DIRECTORY).is_some() {
            let what = format!("the pod template mounts something at {}", AgentSetup::DIRECTORY);
            return Err(refused(what, "mount it elsewhere: the agent is mounted there"));
        }
        mount(container, AgentSetup::BRINGER, AgentSetup::DIRECTORY, true);
        if !by_exec {
            image::run(spec.needs.image.as_ref(), &[AgentSetup::PROGRAM], container);
            variables(container, agent.job_environment(&hosts));
            secret(container, spec);
        }
    }
    if agent.helper.is_some() {
        help(pod, config, agent, spec)?;
    }
    Ok(())
}

/// Adds the helper container, and what it shares with the jobs' one.
fn help(pod: &mut Value, config: &EksConfig, agent: &AgentSetup, spec: &TaskSpec) -> Result<()> {
    let Some(image) = &agent.helper else { return Ok(()) };
    let mut helper = json!({ "name": AgentSetup::HELPER });
    image::put(image, &mut helper)?;
    mount(&mut helper, AgentSetup::BRINGER, AgentSetup::DIRECTORY, true);
    if config.connect == Connect::Exec {
        image::wait_for_scripts(Some(image), &mut helper);
    } else {
        let hosts = other_names(&spec.needs.services);
        image::run(Some(image), &[AgentSetup::PROGRAM], &mut helper);
        variables(&mut helper, agent.helper_environment(&hosts));
        variables(&mut helper, [(PUBLIC_KEY, spec.authorized_key.as_str())]);
        secret(&mut helper, spec);
    }
    for (index, path) in agent.shared.iter().enumerate() {
        let volume = format!("fargate-shared-{index}");
        let theirs = jobs_containers(pod).find_map(|container| mounted(container, path).cloned());
        if let Some(theirs) = theirs {
            // The operator's volume serves as well.
            push(&mut helper["volumeMounts"], theirs);
            continue;
        }
        add_volume(pod, &volume)?;
        mount(&mut helper, &volume, path, false);
        jobs_containers(pod).for_each(|container| mount(container, &volume, path, false));
    }
    add(pod, "containers", helper)
}

fn secret(container: &mut Value, spec: &TaskSpec) {
    if let Some(secret) = &spec.host_secret {
        variables(container, [(host_proof::VARIABLE, secret.expose())]);
    }
}

/// What a container mounts at that very path.
fn mounted<'a>(container: &'a Value, path: &str) -> Option<&'a Value> {
    let same = |mount: &&Value| {
        let there = mount["mountPath"].as_str().unwrap_or_default();
        there.trim_end_matches('/') == path.trim_end_matches('/')
    };
    container["volumeMounts"].as_array()?.iter().find(same)
}

/// Adds an empty volume, which goes with the pod.
fn add_volume(pod: &mut Value, name: &str) -> Result<()> {
    let volumes = &mut pod["spec"]["volumes"];
    if volumes.as_array().is_some_and(|all| all.iter().any(|one| one["name"] == name)) {
        let what = format!("the pod template has a volume named {name}");
        return Err(refused(what, "rename it: the driver's own volume has this name"));
    }
    push(volumes, json!({ "name": name, "emptyDir": {} }));
    Ok(())
}
