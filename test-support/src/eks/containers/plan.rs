//! What a pod and the images say of each container.

use std::collections::BTreeMap;

use serde_json::Value;

use super::expansion::expand;
use crate::container::{ContainerPlan, Dependency, ImageRoot, VolumeMount};
use crate::json::{list, text, texts};

/// Init containers one after the other, and the others after the last of them.
pub(super) fn plans(
    pod: &Value,
    inits: &[Value],
    containers: &[Value],
    images: &BTreeMap<String, ImageRoot>,
) -> Vec<ContainerPlan> {
    let mut plans: Vec<ContainerPlan> = Vec::new();
    for (index, container) in inits.iter().chain(containers).enumerate() {
        let before = index.min(inits.len()).checked_sub(1).map(|last| plans[last].name.as_str());
        plans.push(plan(pod, container, before, images));
    }
    plans
}

fn plan(
    pod: &Value,
    container: &Value,
    before: Option<&str>,
    images: &BTreeMap<String, ImageRoot>,
) -> ContainerPlan {
    let reference = text(container, "image").unwrap_or_default();
    let known = images.get(reference);
    let image = known.cloned().unwrap_or_default();
    let variables = variables(container);
    let by_name = variables.iter().cloned().collect();
    let mount = |mount: &Value| VolumeMount {
        volume: text(mount, "name").unwrap_or_default().to_owned(),
        path: text(mount, "mountPath").unwrap_or_default().to_owned(),
        read_only: mount["readOnly"] == true,
    };
    let place = text(container, "workingDir").map(str::to_owned);
    ContainerPlan {
        name: text(container, "name").unwrap_or_default().to_owned(),
        image: reference.to_owned(),
        words: words(container, &by_name, &image),
        user: user(pod, container).or(image.user).unwrap_or_else(|| "0".to_owned()),
        working_directory: place.or(image.working_directory).unwrap_or_else(|| "/".to_owned()),
        environment: [image.environment, variables].concat(),
        tree: known.cloned(),
        // A pod goes on without it.
        essential: false,
        dependencies: before.map(Dependency::success_of).into_iter().collect(),
        health_check: None,
        stop_timeout: None,
        read_only_root: container["securityContext"]["readOnlyRootFilesystem"] == true,
        mounts: list(container, "volumeMounts").iter().map(mount).collect(),
    }
}

/// A `command` makes both of the image's void, `args` its command ("Define a Command and Arguments
/// for a Container" in Kubernetes' documentation).
fn words(container: &Value, known: &BTreeMap<String, String>, image: &ImageRoot) -> Vec<String> {
    let expanded = |name: &str| -> Vec<String> {
        texts(container, name).iter().map(|word| expand(word, known)).collect()
    };
    let (command, arguments) = (expanded("command"), expanded("args"));
    match (command.is_empty(), arguments.is_empty()) {
        (false, _) => [command, arguments].concat(),
        (true, false) => [image.entrypoint.clone(), arguments].concat(),
        (true, true) => [image.entrypoint.clone(), image.command.clone()].concat(),
    }
}

/// The literal variables; each may refer to those before it.
fn variables(container: &Value) -> Vec<(String, String)> {
    let mut known = BTreeMap::new();
    let mut variables = Vec::new();
    for one in list(container, "env") {
        let value = expand(one["value"].as_str().unwrap_or_default(), &known);
        let name = text(one, "name").unwrap_or_default().to_owned();
        known.insert(name.clone(), value.clone());
        variables.push((name, value));
    }
    variables
}

/// `runAsUser` and `runAsGroup`, the container's before the pod's.
fn user(pod: &Value, container: &Value) -> Option<String> {
    let number = |name: &str| {
        let own = container["securityContext"][name].as_u64();
        own.or_else(|| pod["spec"]["securityContext"][name].as_u64())
    };
    let user = number("runAsUser")?;
    Some(match number("runAsGroup") {
        Some(group) => format!("{user}:{group}"),
        None => user.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_words_of_a_container_are_put_together_as_kubernetes_does() {
        let image = ImageRoot {
            entrypoint: vec!["entry".to_owned()],
            command: vec!["cmd".to_owned()],
            ..ImageRoot::default()
        };
        let known = BTreeMap::from([("A".to_owned(), "1".to_owned())]);
        for (container, wanted) in [
            (json!({}), "entry cmd"),
            (json!({"args": ["a", "b"]}), "entry a b"),
            (json!({"command": ["e"]}), "e"),
            (json!({"command": ["e", "$(A)"], "args": ["$$(A)"]}), "e 1 $(A)"),
            (json!({"command": [], "args": []}), "entry cmd"),
        ] {
            assert_eq!(words(&container, &known, &image).join(" "), wanted, "{container}");
        }
    }

    #[test]
    fn variables_refer_to_those_before_them() {
        let container = json!({"env": [
            {"name": "A", "value": "$(B)"}, {"name": "B", "value": "b$(A)"},
        ]});
        let wanted = [("A", "$(B)"), ("B", "b$(B)")].map(|(a, b)| (a.to_owned(), b.to_owned()));
        assert_eq!(variables(&container), wanted);
    }
}
