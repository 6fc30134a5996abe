//! Makes the task that `RunTask` was asked for.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::watch;

use super::launch_checks::Plan;
use crate::address;
use crate::container::Group;
use crate::ecs::api_error::ApiError;
use crate::ecs::containers;
use crate::ecs::request::{Request, list, text, texts};
use crate::ecs::state::{Memory, World};
use crate::ecs::task::{Interface, Listener, Script, State, Task, Times};
use crate::ecs::{Fault, ids};

/// A new task in PROVISIONING.
pub(super) fn make(
    world: &World,
    memory: &mut Memory,
    request: &Request,
    plan: &Plan,
    subnet: &str,
) -> Result<Task, ApiError> {
    let options = &world.options;
    let script = script(memory.faults.of_next_task());
    let overrides = overrides(&request.body);
    let plans = containers::plans(&plan.definition, &overrides, &options.images);
    let mut new_address = || {
        if !plans.is_empty() {
            return memory.routed_addresses.next();
        }
        let address = memory.addresses.next()?;
        if options.program.listens() && script.listener != Listener::Nobody {
            address::check(address, options.ssh_port)?;
        }
        Ok(address)
    };
    let failed = |error: std::io::Error| {
        ApiError::new(500, "ServerException", format!("the double has no address: {error}"))
    };
    let address = new_address().map_err(failed)?;
    let public_address = (plan.public && options.public_ips).then(&mut new_address);
    let interface = Interface {
        id: format!("eni-{}", ids::hex(17)),
        attachment_id: ids::uuid(),
        mac: format!(
            "0a:{}:{}:{}:{}:{}",
            ids::hex(2),
            ids::hex(2),
            ids::hex(2),
            ids::hex(2),
            ids::hex(2)
        ),
        subnet: subnet.to_owned(),
        security_groups: plan.security_groups.clone(),
        address,
        public_address: public_address.transpose().map_err(failed)?,
    };

    // Ids that begin with a count keep the order of creation.
    memory.launches += 1;
    let id = format!("{:08x}{}", memory.launches, ids::hex(24));
    let containers: Vec<(String, String)> = list(&plan.definition, "containerDefinitions")
        .iter()
        .map(|container| {
            let field = |name: &str| text(container, name).unwrap_or_default().to_owned();
            (field("name"), field("image"))
        })
        .collect();
    let keyed = key_of(&overrides);
    let main_container = keyed
        .as_ref()
        .and_then(|(name, _)| containers.iter().position(|(have, _)| have == name))
        .unwrap_or(0);
    let directory = world.directory.join(&id);
    let addresses = [Some(interface.address), interface.public_address];
    let group = (!plans.is_empty()).then(|| {
        let shared = containers::shared(addresses.into_iter().flatten().collect());
        Arc::new(Group::new(plans, directory.clone(), shared))
    });
    Ok(Task {
        arn: ids::arn(&options.region, "task", &format!("{}/{id}", options.cluster)),
        cluster_arn: world.cluster_arn(),
        definition_arn: text(&plan.definition, "taskDefinitionArn").unwrap_or_default().to_owned(),
        family: text(&plan.definition, "family").unwrap_or_default().to_owned(),
        containers,
        main_container,
        public_key: keyed.map(|(_, key)| key),
        command: command_of(&plan.definition, &overrides, main_container),
        overrides,
        started_by: request.text("startedBy").map(str::to_owned),
        tags: plan.tags.clone(),
        capacity_provider: (!plan.by_launch_type).then(|| plan.provider.clone()),
        platform_version: plan.platform_version.clone(),
        cpu: plan.cpu.clone(),
        memory: plan.memory.clone(),
        ephemeral_gib: plan.ephemeral_gib,
        exec_enabled: request.body["enableExecuteCommand"] == true,
        interface,
        script,
        directory,
        state: State::Provisioning,
        version: 1,
        times: Times { created: ids::now(), ..Times::default() },
        end: watch::Sender::new(None),
        exit_code: None,
        host: None,
        group,
    })
}

fn script(faults: Vec<Fault>) -> Script {
    let mut script = Script {
        listener: Listener::Program,
        refuses_key: false,
        hides_address: false,
        stays_pending: false,
        stops_while_pending: None,
    };
    for fault in faults {
        match fault {
            Fault::NoSshd => script.listener = Listener::Nobody,
            Fault::SilentSshd => script.listener = Listener::Silence,
            Fault::WrongKey => script.refuses_key = true,
            Fault::NoAddress => script.hides_address = true,
            Fault::NeverRunning => script.stays_pending = true,
            Fault::StopWhilePending(end) => script.stops_while_pending = Some(end),
            _ => {}
        }
    }
    script
}

/// The overrides as ECS shows them: lists are never missing.
fn overrides(body: &Value) -> Value {
    let mut out = body.get("overrides").filter(|value| value.is_object()).cloned();
    let out = out.get_or_insert_with(|| json!({}));
    for name in ["containerOverrides", "inferenceAcceleratorOverrides"] {
        if out.get(name).is_none() {
            out[name] = json!([]);
        }
    }
    out.take()
}

/// What a container runs: the override's command, or else the definition's, behind the entry point.
fn command_of(definition: &Value, overrides: &Value, container: usize) -> Vec<String> {
    let containers = list(definition, "containerDefinitions");
    let Some(container) = containers.get(container) else { return Vec::new() };
    let mut words = texts(container, "entryPoint");
    let own = list(overrides, "containerOverrides")
        .iter()
        .find(|one| text(one, "name") == text(container, "name"))
        .map(|one| texts(one, "command"))
        .filter(|command| !command.is_empty());
    words.extend(own.unwrap_or_else(|| texts(container, "command")));
    words
}

/// The first container that is given `SSH_PUBLIC_KEY`, and the key.
fn key_of(overrides: &Value) -> Option<(String, String)> {
    list(overrides, "containerOverrides").iter().find_map(|container| {
        let variables = list(container, "environment");
        let key = variables.iter().find(|one| text(one, "name") == Some("SSH_PUBLIC_KEY"))?;
        let name = text(container, "name")?.to_owned();
        Some((name, text(key, "value")?.trim().to_owned()))
    })
}
