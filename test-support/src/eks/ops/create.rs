//! Makes pods and config maps.

use std::sync::Arc;

use serde_json::Value;
use tokio::sync::watch;

use super::check_namespace;
use super::write::check_finalizers;
use crate::address;
use crate::eks::call::Call;
use crate::eks::containers::Plan;
use crate::eks::process::{Life, Orders, main_container};
use crate::eks::refusal::Refusal;
use crate::eks::state::{Memory, World};
use crate::eks::store::{Key, Resource};
use crate::eks::{PodFault, defaults, lifecycle, validate};
use crate::random;

pub(super) fn create(
    world: &Arc<World>,
    call: &Call,
    resource: Resource,
    namespace: &str,
) -> Result<Value, Refusal> {
    let mut object = call.body.clone();
    check_kind(&object, resource)?;
    let stated = object["metadata"]["namespace"].as_str().unwrap_or(namespace);
    if stated != namespace {
        return Err(Refusal::bad_request(
            "the namespace of the provided object does not match the namespace sent on the \
             request",
        ));
    }
    check_namespace(world, namespace)?;
    let name = name_of(&object);
    let metadata = &mut object["metadata"];
    for field in ["uid", "resourceVersion", "creationTimestamp", "deletionTimestamp"] {
        if let Some(metadata) = metadata.as_object_mut() {
            metadata.remove(field);
        }
    }
    check_finalizers(resource, &name, &object)?;
    let key: Key = (resource, namespace.to_owned(), name.clone());
    if resource == Resource::Pods {
        return create_pod(world, key, object);
    }
    let mut causes = Vec::new();
    validate::check_name(&name, "metadata.name", &mut causes);
    if !causes.is_empty() {
        return Err(Refusal::invalid(resource.kind(), &name, &causes));
    }
    world.memory().store.create(key, object)
}

fn check_kind(object: &Value, resource: Resource) -> Result<(), Refusal> {
    let wrong = |what: &str, have: &Value, wanted: &str| {
        let have = have.as_str().unwrap_or_default();
        Err(Refusal::bad_request(format!(
            "the {what} in the data ({have}) does not match the expected {what} ({wanted})"
        )))
    };
    if !object.is_object() {
        return Err(Refusal::bad_request("the object provided is unrecognized"));
    }
    if object["kind"] != resource.kind() {
        return wrong("kind", &object["kind"], resource.kind());
    }
    if object["apiVersion"] != "v1" {
        return wrong("API version", &object["apiVersion"], "v1");
    }
    Ok(())
}

fn name_of(object: &Value) -> String {
    let text = |name: &str| object["metadata"][name].as_str().unwrap_or_default();
    match (text("name"), text("generateName")) {
        ("", "") => String::new(),
        ("", prefix) => format!("{prefix}{}", random::hex(5)),
        (name, _) => name.to_owned(),
    }
}

fn create_pod(world: &Arc<World>, key: Key, mut pod: Value) -> Result<Value, Refusal> {
    let (_, namespace, name) = &key;
    validate::pod(name, &pod)?;
    let account = pod["spec"]["serviceAccountName"].as_str().unwrap_or("default");
    if !world.options.service_accounts.iter().any(|known| known == account) {
        return Err(Refusal::not_admitted(
            "pods",
            name,
            &format!(
                "error looking up service account {namespace}/{account}: serviceaccount \
                 \"{account}\" not found"
            ),
        ));
    }
    defaults::pod(&world.options, namespace, &mut pod);

    let mut memory = world.memory();
    if memory
        .store
        .get(&key)
        .is_some_and(|there| there["metadata"]["deletionTimestamp"].is_string())
    {
        let mut refusal = Refusal::already_exists("pods", name);
        refusal.message = format!("object is being deleted: {}", refusal.message);
        return Err(refusal);
    }
    if memory.store.get(&key).is_some() {
        return Err(Refusal::already_exists("pods", name));
    }
    let script = memory.pod_faults.of_next_pod();
    let containers = Plan::of(&pod, &world.options.images);
    let free = if containers.is_some() {
        memory.routed.next()
    } else {
        address_for(world, &mut memory, &script)
    };
    let free =
        free.map_err(|error| Refusal::new(500, "InternalError", format!("no address: {error}")))?;
    let main = main_container(&pod);
    let pod = memory.store.create(key.clone(), pod)?;
    let uid = pod["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
    let directory = world.directory.join(&uid);
    let containers = containers.map(|plan| Arc::new(plan.at(directory.clone(), free, &pod)));
    let life = Life {
        number: memory.lives.len() as u64,
        directory,
        containers,
        key,
        address: free,
        script,
        main,
        orders: watch::Sender::new(Orders::default()),
        started: None,
        host: None,
        last: pod.clone(),
        gone: false,
    };
    memory.lives.insert(uid.clone(), life);
    let task = tokio::spawn(lifecycle::live(Arc::clone(world), uid));
    memory.tasks.push(task.abort_handle());
    Ok(pod)
}

fn address_for(
    world: &World,
    memory: &mut Memory,
    script: &[PodFault],
) -> std::io::Result<std::net::Ipv4Addr> {
    let free = memory.addresses.next()?;
    if world.options.program.listens() && !script.contains(&PodFault::NoSshd) {
        address::check(free, world.options.ssh_port)?;
    }
    Ok(free)
}
