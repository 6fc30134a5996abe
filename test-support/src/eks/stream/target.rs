//! The pod and the container a stream leads to.

use serde_json::Value;

use crate::eks::refusal::Refusal;
use crate::eks::state::World;
use crate::eks::store::Resource;

pub(in crate::eks) fn find(world: &World, namespace: &str, name: &str) -> Result<Value, Refusal> {
    let key = (Resource::Pods, namespace.to_owned(), name.to_owned());
    let pod = world.memory().store.get(&key).cloned();
    pod.ok_or_else(|| Refusal::not_found("pods", name))
}

/// The index of the container, as `validateContainer` of the API server finds it.
pub(in crate::eks) fn container(pod: &Value, wanted: Option<&str>) -> Result<usize, Refusal> {
    let pod_name = pod["metadata"]["name"].as_str().unwrap_or_default();
    let containers = pod["spec"]["containers"].as_array().map(Vec::as_slice).unwrap_or_default();
    let names: Vec<&str> =
        containers.iter().map(|one| one["name"].as_str().unwrap_or_default()).collect();
    match wanted.filter(|name| !name.is_empty()) {
        None if names.len() == 1 => Ok(0),
        None => Err(Refusal::bad_request(format!(
            "a container name must be specified for pod {pod_name}, choose one of: [{}]",
            names.join(" "),
        ))),
        Some(wanted) => names.iter().position(|name| *name == wanted).ok_or_else(|| {
            Refusal::bad_request(format!("container {wanted} is not valid for pod {pod_name}"))
        }),
    }
}

/// Refuses a pod without a node.
pub(in crate::eks) fn check_host(pod: &Value) -> Result<(), Refusal> {
    if pod["spec"]["nodeName"].is_string() {
        return Ok(());
    }
    let name = pod["metadata"]["name"].as_str().unwrap_or_default();
    Err(Refusal::bad_request(format!("pod {name} does not have a host assigned")))
}

/// Whether the kubelet finds the container running.
pub(super) fn runs(pod: &Value, index: usize) -> bool {
    pod["status"]["containerStatuses"][index]["state"].get("running").is_some()
}

pub(in crate::eks) fn uid(pod: &Value) -> String {
    pod["metadata"]["uid"].as_str().unwrap_or_default().to_owned()
}
