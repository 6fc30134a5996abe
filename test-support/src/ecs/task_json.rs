//! A task in the words of `DescribeTasks`.

use serde_json::{Map, Value, json};

use super::task::{State, Task};
use super::{ids, tags};

/// The `Task` structure of the ECS API.
pub(super) fn describe(task: &Task, zone: &str, with_tags: bool) -> Value {
    let mut out = json!({
        "attachments": [attachment(task)],
        "attributes": [{"name": "ecs.cpu-architecture", "value": "x86_64"}],
        "availabilityZone": zone,
        "clusterArn": task.cluster_arn,
        "containers": containers(task),
        "cpu": task.cpu,
        "memory": task.memory,
        "createdAt": task.times.created,
        "desiredStatus": task.desired_status(),
        "lastStatus": task.state.name(),
        "enableExecuteCommand": task.exec_enabled,
        "ephemeralStorage": {"sizeInGiB": task.ephemeral_gib},
        "fargateEphemeralStorage": {"sizeInGiB": task.ephemeral_gib},
        "group": format!("family:{}", task.family),
        "healthStatus": "UNKNOWN",
        "launchType": "FARGATE",
        "overrides": task.overrides,
        "platformFamily": "Linux",
        "platformVersion": task.platform_version,
        "tags": if with_tags { tags::json(&task.tags) } else { json!([]) },
        "taskArn": task.arn,
        "taskDefinitionArn": task.definition_arn,
        "version": task.version,
    });
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            out[name] = value;
        }
    };
    put("startedBy", task.started_by.clone().map(Value::from));
    put("capacityProviderName", task.capacity_provider.clone().map(Value::from));
    put("connectivity", task.times.connected.map(|_| "CONNECTED".into()));
    for (name, time) in [
        ("connectivityAt", task.times.connected),
        ("pullStartedAt", task.times.pull_started),
        ("pullStoppedAt", task.times.pull_stopped),
        ("startedAt", task.times.started),
        ("stoppingAt", task.times.stopping),
        ("executionStoppedAt", task.times.execution_stopped),
        ("stoppedAt", task.times.stopped),
    ] {
        put(name, time.map(Value::from));
    }
    if let Some(end) = task.end.borrow().as_ref() {
        put("stopCode", Some(end.stop_code.clone().into()));
        put("stoppedReason", Some(end.reason.clone().into()));
    }
    out
}

fn attachment(task: &Task) -> Value {
    let interface = &task.interface;
    let status = match task.state {
        State::Provisioning => "PRECREATED",
        State::Deprovisioning | State::Stopped => "DELETED",
        _ => "ATTACHED",
    };
    let mut details = vec![("subnetId", interface.subnet.clone())];
    if task.shows_address() {
        let name = interface.address.to_string().replace('.', "-");
        details.extend([
            ("networkInterfaceId", interface.id.clone()),
            ("macAddress", interface.mac.clone()),
            ("privateDnsName", format!("ip-{name}.compute.internal")),
            ("privateIPv4Address", interface.address.to_string()),
        ]);
    }
    let details: Value =
        details.into_iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
    json!({
        "id": interface.attachment_id, "type": "ElasticNetworkInterface", "status": status,
        "details": details,
    })
}

fn containers(task: &Task) -> Value {
    let id = ids::last_part(&task.arn);
    let status = match task.state {
        State::Provisioning | State::Pending | State::Activating => "PENDING",
        State::Running | State::Deactivating | State::Stopping => "RUNNING",
        State::Deprovisioning | State::Stopped => "STOPPED",
    };
    let standings = task.group.as_ref().map(|group| group.standings()).unwrap_or_default();
    let one = |(index, (name, image)): (usize, &(String, String))| {
        let own = standings.get(index);
        let mut out = Map::new();
        let mut put = |name: &str, value: Value| out.insert(name.to_owned(), value);
        let arn = task.arn.replace(":task/", ":container/");
        put("containerArn", format!("{arn}/{index:08}-0000-4000-a000-{id:.12}").into());
        put("taskArn", task.arn.clone().into());
        put("name", name.clone().into());
        put("image", image.clone().into());
        put("lastStatus", own.map_or(status, |own| own.status).into());
        put("healthStatus", own.map_or("UNKNOWN", |own| own.health).into());
        put("cpu", "0".into());
        put("networkInterfaces", json!([]));
        if task.times.started.is_some() {
            put("runtimeId", format!("{id}-{index:010}").into());
            put("networkBindings", json!([]));
            if !task.script.hides_address {
                put(
                    "networkInterfaces",
                    json!([{
                        "attachmentId": task.interface.attachment_id,
                        "privateIpv4Address": task.interface.address.to_string(),
                    }]),
                );
            }
        }
        if let Some(code) = own.and_then(|own| own.code) {
            put("exitCode", code.into());
        }
        if let Some(reason) = own.and_then(|own| own.reason.clone()) {
            put("reason", reason.into());
        }
        if task.state == State::Stopped && index == task.main_container {
            if let Some(code) = task.exit_code {
                put("exitCode", code.into());
            }
            if let Some(reason) =
                task.end.borrow().as_ref().and_then(|end| end.container_reason.clone())
            {
                put("reason", reason.into());
            }
        }
        Value::Object(out)
    };
    task.containers.iter().enumerate().map(one).collect()
}
