//! What the scheduler and the kubelet write into a pod.

use std::net::Ipv4Addr;

use serde_json::{Value, json};

use super::PodEnd;
use super::store::now;
use crate::random;

/// How the container of the double's program ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ended {
    pub(super) exit_code: i32,
    pub(super) reason: Option<String>,
}

/// No node takes it.
pub(super) fn unschedulable(pod: &mut Value, message: &str) {
    condition(pod, "PodScheduled", false, "Unschedulable", message);
}

/// A node takes it.
pub(super) fn scheduled(pod: &mut Value, node: &str, capacity: &str) {
    pod["spec"]["nodeName"] = node.into();
    pod["metadata"]["annotations"]["CapacityProvisioned"] = capacity.into();
    condition(pod, "PodScheduled", true, "", "");
}

/// The kubelet begins.
pub(super) fn creating(pod: &mut Value, host: Ipv4Addr) {
    pod["status"]["startTime"] = now().into();
    pod["status"]["hostIP"] = host.to_string().into();
    pod["status"]["hostIPs"] = json!([{"ip": host.to_string()}]);
    condition(pod, "Initialized", true, "", "");
    not_ready(pod, "ContainersNotReady", "containers with unready status");
    let containers = pod["spec"]["containers"].as_array().cloned().unwrap_or_default();
    let statuses: Vec<Value> =
        containers.iter().map(|container| blank(container, "ContainerCreating")).collect();
    pod["status"]["containerStatuses"] = statuses.into();
}

/// The status of a container that waits for that reason.
fn blank(container: &Value, reason: &str) -> Value {
    json!({
        "name": container["name"], "image": container["image"], "imageID": "",
        "ready": false, "started": false, "restartCount": 0, "lastState": {},
        "state": {"waiting": {"reason": reason}},
    })
}

/// The init containers wait, each for the one before it.
pub(super) fn creating_inits(pod: &mut Value) {
    let inits = pod["spec"]["initContainers"].as_array().cloned().unwrap_or_default();
    let waiting = |container: &Value| blank(container, "PodInitializing");
    pod["status"]["initContainerStatuses"] = inits.iter().map(waiting).collect();
    for status in pod["status"]["containerStatuses"].as_array_mut().into_iter().flatten() {
        status["state"]["waiting"]["reason"] = "PodInitializing".into();
    }
    let message = "containers with incomplete status";
    condition(pod, "Initialized", false, "ContainersNotInitialized", message);
}

/// One status of a pod's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spot {
    list: &'static str,
    index: usize,
}

impl Spot {
    /// That of a container.
    pub(super) fn main(index: usize) -> Self {
        Self { list: "containerStatuses", index }
    }

    /// That of an init container.
    pub(super) fn init(index: usize) -> Self {
        Self { list: "initContainerStatuses", index }
    }

    /// Where it is.
    pub(super) fn of(self, pod: &mut Value) -> &mut Value {
        &mut pod["status"][self.list][self.index]
    }
}

/// A container waits for something. The network is there by now.
pub(super) fn waiting(pod: &mut Value, spot: Spot, reason: &str, message: &str) {
    spot.of(pod)["state"] = json!({"waiting": {"reason": reason, "message": message}});
}

pub(super) fn address(pod: &mut Value, ip: Ipv4Addr) {
    pod["status"]["podIP"] = ip.to_string().into();
    pod["status"]["podIPs"] = json!([{"ip": ip.to_string()}]);
}

/// Every container runs.
pub(super) fn running(pod: &mut Value) {
    pod["status"]["phase"] = "Running".into();
    ready(pod);
    pod["status"]["containerStatuses"].as_array_mut().into_iter().flatten().for_each(started);
}

/// The pod is ready, now that every container runs.
pub(super) fn ready(pod: &mut Value) {
    condition(pod, "PodReadyToStartContainers", true, "", "");
    condition(pod, "ContainersReady", true, "", "");
    condition(pod, "Ready", true, "", "");
}

/// The container of this status runs, which may be known already.
pub(super) fn started(status: &mut Value) {
    if status["state"].get("running").is_some() {
        return;
    }
    status["state"] = json!({"running": {"startedAt": now()}});
    status["ready"] = true.into();
    status["started"] = true.into();
    status["containerID"] = format!("containerd://{}", random::hex(64)).into();
    let image = status["image"].as_str().unwrap_or_default();
    status["imageID"] = format!("{image}@sha256:{}", random::hex(64)).into();
}

/// One container is over.
pub(super) fn terminated(pod: &mut Value, index: usize, ended: &Ended) {
    self::ended(pod, Spot::main(index), ended);
}

/// What has that status is over, which may be known already.
pub(super) fn ended(pod: &mut Value, spot: Spot, ended: &Ended) {
    let finished = now();
    let status = spot.of(pod);
    if !status.is_object() || status["state"].get("terminated").is_some() {
        return;
    }
    let started = status["state"]["running"]["startedAt"].as_str().map(str::to_owned);
    let reason = ended.reason.as_deref();
    let reason = reason.unwrap_or(if ended.exit_code == 0 { "Completed" } else { "Error" });
    let mut state = json!({
        "exitCode": ended.exit_code, "reason": reason, "finishedAt": finished,
        "startedAt": started.unwrap_or_else(|| finished.clone()),
    });
    if let Some(id) = status["containerID"].as_str() {
        state["containerID"] = id.into();
    }
    status["state"] = json!({"terminated": state});
    status["ready"] = false.into();
    status["started"] = false.into();
    not_ready(pod, "ContainersNotReady", "containers with unready status");
}

/// An init container has failed for good, so that no other will start.
pub(super) fn init_failed(pod: &mut Value) {
    pod["status"]["phase"] = "Failed".into();
    not_ready(pod, "PodFailed", "");
}

/// The main container is over and will be started again some time.
pub(super) fn restarting(pod: &mut Value, main: usize, ended: &Ended) {
    terminated(pod, main, ended);
    let status = &mut pod["status"]["containerStatuses"][main];
    status["lastState"] = status["state"].take();
    status["restartCount"] = 1.into();
    status["state"] = json!({"waiting": {
        "reason": "CrashLoopBackOff",
        "message": "back-off 5m0s restarting failed container",
    }});
}

/// Nothing of it runs any more.
pub(super) fn finished(pod: &mut Value, main: usize, ended: &Ended, end: Option<&PodEnd>) {
    let count = pod["status"]["containerStatuses"].as_array().map_or(0, Vec::len);
    for index in 0..count {
        let other = Ended { exit_code: 0, reason: None };
        terminated(pod, index, if index == main { ended } else { &other });
    }
    over(pod, end);
}

/// Every container is over, and the pod with them: in that way, or with what they ended with.
pub(super) fn over(pod: &mut Value, end: Option<&PodEnd>) {
    let statuses = pod["status"]["containerStatuses"].as_array().map(Vec::as_slice);
    let good = |one: &Value| one["state"]["terminated"]["exitCode"] == 0;
    let succeeded = statuses.unwrap_or_default().iter().all(good) && end.is_none();
    pod["status"]["phase"] = if succeeded { "Succeeded" } else { "Failed" }.into();
    if succeeded {
        not_ready(pod, "PodCompleted", "");
    }
    let Some(end) = end else { return };
    for (name, value) in [("reason", &end.reason), ("message", &end.message)] {
        if let Some(value) = value {
            pod["status"][name] = value.as_str().into();
        }
    }
    if let Some((reason, message)) = &end.disruption {
        condition(pod, "DisruptionTarget", true, reason, message);
    }
}

fn not_ready(pod: &mut Value, reason: &str, message: &str) {
    condition(pod, "Ready", false, reason, message);
    condition(pod, "ContainersReady", false, reason, message);
}

/// Sets a condition.
pub(super) fn condition(pod: &mut Value, kind: &str, holds: bool, reason: &str, message: &str) {
    let status = if holds { "True" } else { "False" };
    let conditions = &mut pod["status"]["conditions"];
    if !conditions.is_array() {
        *conditions = json!([]);
    }
    let Some(conditions) = conditions.as_array_mut() else { return };
    let place = conditions.iter().position(|one| one["type"] == kind);
    let since = place
        .map(|place| &conditions[place])
        .filter(|one| one["status"] == status)
        .and_then(|one| one["lastTransitionTime"].as_str())
        .map_or_else(now, str::to_owned);
    let mut condition = json!({
        "type": kind, "status": status, "lastProbeTime": null, "lastTransitionTime": since,
    });
    for (name, text) in [("reason", reason), ("message", message)] {
        if !text.is_empty() {
            condition[name] = text.into();
        }
    }
    match place {
        Some(place) => conditions[place] = condition,
        None => conditions.push(condition),
    }
}
