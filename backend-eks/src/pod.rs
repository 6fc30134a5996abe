//! The pod of a task.

mod agent;
mod containers;
mod needs;
mod services;

use std::time::Duration;

use fargate_core::{Error, ErrorKind, Result, TaskSpec};
use serde_json::{Map, Value, json};

use crate::call::CREATE;
use crate::config::{Connect, EksConfig};
use crate::image;
use crate::merge::lay_over;
use crate::names;

/// The container that runs the jobs.
pub(crate) const CONTAINER: &str = "ci-coordinator";
/// The variable every task image reads its authorised key from.
pub(crate) const PUBLIC_KEY: &str = "SSH_PUBLIC_KEY";

/// The pod of `spec`: the template, under the configuration, under what is the task's own.
///
/// As JSON and not as a typed pod, so that a field that only a newer cluster knows, or a typing
/// error in the template, arrives where it can be judged. It holds the secrets of the services' variables, and the task's
/// [`TaskSpec::host_secret`].
///
/// # Errors
/// `InvalidConfig` when neither the task nor the configuration nor the template has an image, or
/// the template leaves no place for what belongs to the task; `Unsupported` for what Fargate has
/// not for pods.
pub(crate) fn build(config: &EksConfig, template: &Value, spec: &TaskSpec) -> Result<Value> {
    let config = &needs::over(config, &spec.needs.resources)?;
    let mut pod = shape(config, template);
    let marks = names::marks(spec, &config.labels, &config.annotations);
    let mut container = json!({ "name": CONTAINER });
    if config.connect != Connect::Exec {
        container["env"] = json!([{ "name": PUBLIC_KEY, "value": spec.authorized_key }]);
    }
    lay_over(
        &mut pod,
        json!({
            "metadata": {
                "name": names::object_name(&spec.key),
                "namespace": config.namespace,
                "labels": marks.labels,
                "annotations": marks.annotations,
            },
            "spec": { "containers": [container] },
        }),
    );
    if let Some(deadline) = spec.deadline.into_iter().chain(config.deadline).min() {
        pod["spec"]["activeDeadlineSeconds"] = whole_seconds(deadline).max(1).into();
    }
    let pods_user = pod["spec"]["securityContext"]["runAsUser"].is_number();
    for container in jobs_containers(&mut pod) {
        if let Some(image) = &spec.needs.image {
            let mut image = image.clone();
            if pods_user || container["securityContext"]["runAsUser"].is_number() {
                // Whom jobs run as is the operator's word first.
                image.user = None;
            }
            image::put(&image, container)?;
        }
        if config.connect == Connect::Exec {
            image::wait_for_scripts(spec.needs.image.as_ref(), container);
        }
        if !container["image"].is_string() {
            return Err(Error::new(
                ErrorKind::InvalidConfig,
                CREATE.op,
                "there is no image: the task brings none, and none is set for such tasks",
            )
            .hint("set an image for tasks that bring none"));
        }
    }
    if let Some(agent) = &config.agent {
        agent::bring(&mut pod, config, agent, spec)?;
    }
    services::add_all(&mut pod, &spec.needs.services)?;
    needs::add_pull_secrets(&mut pod, config, &spec.needs);
    needs::check_size(&pod, &spec.needs.resources)?;
    Ok(pod)
}

/// The container that runs the jobs; a template that has it twice is the API server's to refuse.
fn jobs_containers(pod: &mut Value) -> impl Iterator<Item = &mut Value> {
    let containers = pod["spec"]["containers"].as_array_mut();
    containers.into_iter().flatten().filter(|one| one["name"] == CONTAINER)
}

/// What every pod has in common: the template under the configuration.
pub(crate) fn shape(config: &EksConfig, template: &Value) -> Value {
    let mut pod = defaults(config, template);
    lay_over(&mut pod, template.clone());
    lay_over(&mut pod, configured(config));
    jobs_containers(&mut pod).for_each(equal_requests_and_limits);
    pod
}

/// What holds unless the template says otherwise.
fn defaults(config: &EksConfig, template: &Value) -> Value {
    let mut spec = json!({
        // Variables for each service of the namespace would change what jobs see.
        "enableServiceLinks": false,
    });
    let account =
        config.service_account.is_some() || template["spec"]["serviceAccountName"].is_string();
    if !account {
        // Nobody asked for a job to have a say in the cluster.
        spec["automountServiceAccountToken"] = false.into();
    }
    json!({ "apiVersion": "v1", "kind": "Pod", "spec": spec })
}

/// What the configuration says; nothing where it says nothing.
fn configured(config: &EksConfig) -> Value {
    let sizes: Map<String, Value> = [
        ("cpu", &config.cpu),
        ("memory", &config.memory),
        ("ephemeral-storage", &config.ephemeral_storage),
    ]
    .into_iter()
    .filter_map(|(name, size)| Some((name.to_owned(), size.as_deref()?.into())))
    .collect();
    let mut container = json!({ "name": CONTAINER });
    if let Some(image) = &config.image {
        container["image"] = image.as_str().into();
    }
    if !sizes.is_empty() {
        container["resources"] = json!({ "requests": sizes, "limits": sizes });
    }
    let mut spec = json!({
        // A script that ended is over; running it again is not the cluster's to decide.
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": whole_seconds(config.termination_grace),
        "containers": [container],
    });
    if let Some(account) = &config.service_account {
        spec["serviceAccountName"] = account.as_str().into();
    }
    if let Some(class) = &config.priority_class {
        spec["priorityClassName"] = class.as_str().into();
    }
    if !config.image_pull_secrets.is_empty() {
        let named = config.image_pull_secrets.iter().map(|name| json!({ "name": name }));
        spec["imagePullSecrets"] = named.collect();
    }
    if !config.node_selector.is_empty() {
        spec["nodeSelector"] = json!(config.node_selector);
    }
    if !config.tolerations.is_empty() {
        spec["tolerations"] = config.tolerations.iter().map(toleration).collect();
    }
    json!({ "spec": spec })
}

fn toleration(one: &crate::config::Toleration) -> Value {
    let mut json = json!({ "operator": if one.value.is_some() { "Equal" } else { "Exists" } });
    let fields = [
        ("key", (!one.key.is_empty()).then_some(one.key.as_str())),
        ("value", one.value.as_deref()),
        ("effect", one.effect.as_deref()),
    ];
    for (name, value) in fields {
        if let Some(value) = value {
            json[name] = value.into();
        }
    }
    json
}

/// One Fargate machine per pod: what a container may use and what is billed are the same, so
/// each size that is given on one side holds on the other. Limits win.
fn equal_requests_and_limits(container: &mut Value) {
    let side = |name: &str| container["resources"][name].as_object().cloned().unwrap_or_default();
    let mut both = side("requests");
    both.extend(side("limits"));
    if !both.is_empty() {
        container["resources"]["requests"] = both.clone().into();
        container["resources"]["limits"] = both.into();
    }
}

/// Rounded up: a part of a second would otherwise be none.
fn whole_seconds(time: Duration) -> u64 {
    // Kubernetes takes 32 bits.
    (time.as_secs() + u64::from(time.subsec_nanos() > 0)).min(u64::from(u32::MAX / 2))
}

#[cfg(test)]
mod tests;
