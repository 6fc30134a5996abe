//! How far the containers are, in the words of a pod's status.

use serde_json::{Value, json};

use crate::container::Standing;
use crate::eks::pod_status::{self, Ended, Spot};

/// What the ECS agent says before the reason of a container that never began.
const NOT_STARTED: &str = "CannotStartContainerError: ";

/// Writes down the standings; whether nothing runs any more or ever will.
pub(super) fn write(pod: &mut Value, inits: &[Standing], mains: &[Standing]) -> bool {
    if !inits.is_empty() && !pod["status"]["initContainerStatuses"].is_array() {
        pod_status::creating_inits(pod);
    }
    for (index, standing) in inits.iter().enumerate() {
        note(pod, Spot::init(index), standing);
        if standing.status != "STOPPED" {
            return false;
        }
        if standing.code != Some(0) {
            pod_status::init_failed(pod);
            return true;
        }
    }
    if !inits.is_empty() {
        pod_status::condition(pod, "Initialized", true, "", "");
    }
    for (index, standing) in mains.iter().enumerate() {
        note(pod, Spot::main(index), standing);
    }
    let all = |status: &str| mains.iter().all(|one| one.status == status);
    if mains.iter().any(|one| one.status != "PENDING") {
        pod["status"]["phase"] = "Running".into();
    }
    if all("RUNNING") {
        pod_status::ready(pod);
    }
    if !all("STOPPED") {
        return false;
    }
    pod_status::over(pod, None);
    true
}

fn note(pod: &mut Value, spot: Spot, standing: &Standing) {
    match standing.status {
        "RUNNING" => pod_status::started(spot.of(pod)),
        "STOPPED" => {
            let reason = standing.reason.as_ref().map(|_| "StartError".to_owned());
            let ended = Ended { exit_code: standing.code.unwrap_or(128), reason };
            pod_status::ended(pod, spot, &ended);
            if let Some(why) = &standing.reason {
                let why = why.strip_prefix(NOT_STARTED).unwrap_or(why);
                spot.of(pod)["state"]["terminated"]["message"] = json!(format!(
                    "failed to create containerd task: failed to create shim task: OCI runtime \
                     create failed: runc create failed: unable to start container process: {why}: \
                     unknown"
                ));
            }
        }
        _ => {}
    }
}
