//! Fills in what an API server, and EKS's webhook for Fargate, fill in.

use serde_json::{Value, json};

use super::EksOptions;
use super::schedule::profile_of;
use super::size::quantity;

/// Completes a pod that is about to be stored.
pub(super) fn pod(options: &EksOptions, namespace: &str, pod: &mut Value) {
    let profile = profile_of(options, namespace, pod).map(|profile| profile.name.clone());
    if let Some(profile) = profile {
        pod["metadata"]["labels"]["eks.amazonaws.com/fargate-profile"] = profile.into();
        pod["metadata"]["annotations"]["Logging"] =
            "LoggingDisabled: LOGGING_CONFIGMAP_NOT_FOUND".into();
        pod["spec"]["schedulerName"] = "fargate-scheduler".into();
        pod["spec"]["priorityClassName"] = "system-node-critical".into();
        pod["spec"]["priority"] = 2_000_001_000.into();
    }
    let spec = &mut pod["spec"];
    for (name, value) in [
        ("restartPolicy", json!("Always")),
        ("terminationGracePeriodSeconds", json!(30)),
        ("dnsPolicy", json!("ClusterFirst")),
        ("serviceAccountName", json!("default")),
        ("schedulerName", json!("default-scheduler")),
        ("securityContext", json!({})),
        ("enableServiceLinks", json!(true)),
        ("priority", json!(0)),
        ("preemptionPolicy", json!("PreemptLowerPriority")),
        (
            "tolerations",
            json!([
                {"key": "node.kubernetes.io/not-ready", "operator": "Exists",
                 "effect": "NoExecute", "tolerationSeconds": 300},
                {"key": "node.kubernetes.io/unreachable", "operator": "Exists",
                 "effect": "NoExecute", "tolerationSeconds": 300},
            ]),
        ),
    ] {
        default(spec, name, value);
    }
    let account = spec["serviceAccountName"].clone();
    default(spec, "serviceAccount", account);
    for kind in ["initContainers", "containers"] {
        // Not made where there is none.
        let containers = spec.get_mut(kind).and_then(Value::as_array_mut);
        containers.into_iter().flatten().for_each(container_defaults);
    }
    pod["status"] = json!({"phase": "Pending", "qosClass": quality(&pod["spec"])});
}

fn default(object: &mut Value, name: &str, value: Value) {
    if object.get(name).is_none_or(Value::is_null) {
        object[name] = value;
    }
}

fn container_defaults(container: &mut Value) {
    let image = container["image"].as_str().unwrap_or_default();
    let last = image.rsplit('/').next().unwrap_or_default();
    let moving = !image.contains('@') && (!last.contains(':') || last.ends_with(":latest"));
    let policy = if moving { "Always" } else { "IfNotPresent" };
    default(container, "imagePullPolicy", policy.into());
    default(container, "terminationMessagePath", "/dev/termination-log".into());
    default(container, "terminationMessagePolicy", "File".into());
    default(container, "resources", json!({}));
    // Limits without requests are requests too.
    let limits = container["resources"]["limits"].clone();
    for (name, value) in limits.as_object().into_iter().flatten() {
        default(&mut container["resources"]["requests"], name, value.clone());
    }
}

/// The quality of service class.
fn quality(spec: &Value) -> &'static str {
    let containers = spec["containers"].as_array().map(Vec::as_slice).unwrap_or_default();
    let amount = |container: &Value, kind: &str, name: &str| {
        container["resources"][kind][name].as_str().and_then(quantity)
    };
    let guaranteed = |container: &Value| {
        ["cpu", "memory"].iter().all(|name| {
            let limit = amount(container, "limits", name);
            limit.is_some() && limit == amount(container, "requests", name)
        })
    };
    let any = |container: &Value| {
        ["requests", "limits"].iter().any(|kind| {
            ["cpu", "memory"].iter().any(|name| amount(container, kind, name).is_some())
        })
    };
    if containers.iter().all(guaranteed) {
        "Guaranteed"
    } else if containers.iter().any(any) {
        "Burstable"
    } else {
        "BestEffort"
    }
}
