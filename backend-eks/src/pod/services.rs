//! What runs beside a job.

use std::collections::BTreeSet;

use fargate_core::{Result, TaskService};
use serde_json::{Value, json};

use super::containers::{add, push, variables};
use crate::image::{self, literal};
use crate::names;

/// Everything in a pod has one network.
const LOCALHOST: &str = "127.0.0.1";

/// Adds a container for each service, and its names for all containers of the pod.
///
/// They request nothing: what they use is the rest of the pod's machine.
pub(super) fn add_all(pod: &mut Value, services: &[TaskService]) -> Result<()> {
    for service in services {
        let mut container = json!({ "name": service.name });
        image::put(&service.image, &mut container)?;
        if !service.command.is_empty() {
            container["args"] = service.command.iter().map(|word| literal(word)).collect();
        }
        if !service.variables.is_empty() {
            variables(&mut container, &service.variables);
        }
        add(pod, "containers", container)?;
    }
    if let Some(all) = pod["spec"]["containers"].as_array_mut() {
        // The kubelet starts containers in their order, each after its image was pulled: scripts
        // begin, and services are waited for, once the jobs' container runs.
        all.rotate_right(services.len());
    }
    let names = names_of(services).filter(|name| names::is_dns_name(name));
    let names: BTreeSet<&str> = names.collect();
    if names.is_empty() {
        return Ok(());
    }
    let aliases = &mut pod["spec"]["hostAliases"];
    let known =
        aliases.as_array().and_then(|all| all.iter().position(|one| one["ip"] == LOCALHOST));
    match known {
        // An address is named once: the list is a map by it.
        Some(index) => {
            let hostnames = &mut aliases[index]["hostnames"];
            names.into_iter().for_each(|name| push(hostnames, name.into()));
        }
        None => push(aliases, json!({ "ip": LOCALHOST, "hostnames": names })),
    }
    Ok(())
}

/// The names that `hostAliases` does not take, such as those with an underscore. The agent can make
/// them known.
pub(super) fn other_names(services: &[TaskService]) -> Vec<&str> {
    names_of(services).filter(|name| !names::is_dns_name(name)).collect()
}

fn names_of(services: &[TaskService]) -> impl Iterator<Item = &str> {
    services.iter().flat_map(|service| &service.aliases).map(String::as_str)
}
