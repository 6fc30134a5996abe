//! A task definition's containers: what it, the overrides and the images say of each.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use serde_json::Value;

use super::TaskEnd;
use crate::container::{
    ContainerPlan, Dependency, Group, GroupEnd, HealthCheck, ImageRoot, Shared, VolumeMount,
};
use crate::json::{list, text, texts};

/// The containers of a definition; empty if it names none of the images, so that the task runs
/// the program of the options.
pub(super) fn plans(
    definition: &Value,
    overrides: &Value,
    images: &BTreeMap<String, ImageRoot>,
) -> Vec<ContainerPlan> {
    let containers = list(definition, "containerDefinitions");
    let known = |container: &Value| {
        text(container, "image").is_some_and(|image| images.contains_key(image))
    };
    if !containers.iter().any(known) {
        return Vec::new();
    }
    containers.iter().map(|container| plan(container, overrides, images)).collect()
}

fn plan(
    container: &Value,
    overrides: &Value,
    images: &BTreeMap<String, ImageRoot>,
) -> ContainerPlan {
    let name = text(container, "name").unwrap_or_default();
    let own = list(overrides, "containerOverrides")
        .iter()
        .find(|one| text(one, "name") == Some(name))
        .unwrap_or(&Value::Null);
    let reference = text(container, "image").unwrap_or_default();
    let known = images.get(reference);
    let image = known.cloned().unwrap_or_default();
    let either = |field: &str, of_image: Option<&String>, default: &str| {
        text(container, field)
            .map(str::to_owned)
            .or_else(|| of_image.cloned())
            .unwrap_or_else(|| default.to_owned())
    };
    let mount = |mount: &Value| VolumeMount {
        volume: text(mount, "sourceVolume").unwrap_or_default().to_owned(),
        path: text(mount, "containerPath").unwrap_or_default().to_owned(),
        read_only: mount["readOnly"] == true,
    };
    ContainerPlan {
        name: name.to_owned(),
        image: reference.to_owned(),
        words: words(container, own, &image),
        environment: [image.environment.clone(), variables(container), variables(own)].concat(),
        user: either("user", image.user.as_ref(), "0"),
        working_directory: either("workingDirectory", image.working_directory.as_ref(), "/"),
        tree: known.cloned(),
        essential: container["essential"] != false,
        dependencies: list(container, "dependsOn").iter().map(Dependency::read).collect(),
        health_check: HealthCheck::read(container),
        stop_timeout: container["stopTimeout"].as_u64().map(Duration::from_secs),
        read_only_root: container["readonlyRootFilesystem"] == true,
        mounts: list(container, "mountPoints").iter().map(mount).collect(),
    }
}

/// Docker's rule: an entry point of one's own makes the image's command void, and one empty word
/// stands for no entry point at all (`merge` and `mergeAndVerifyConfig` of moby).
fn words(container: &Value, own: &Value, image: &ImageRoot) -> Vec<String> {
    let entry_point = texts(container, "entryPoint");
    let given = |value: &Value| Some(texts(value, "command")).filter(|words| !words.is_empty());
    let command = given(own).or_else(|| given(container));
    if entry_point.is_empty() {
        let command = command.unwrap_or_else(|| image.command.clone());
        return [image.entrypoint.clone(), command].concat();
    }
    let entry_point = if entry_point == [""] { Vec::new() } else { entry_point };
    [entry_point, command.unwrap_or_default()].concat()
}

fn variables(of: &Value) -> Vec<(String, String)> {
    let variable = |one: &Value| {
        let value = one["value"].as_str().unwrap_or_default();
        Some((text(one, "name")?.to_owned(), value.to_owned()))
    };
    list(of, "environment").iter().filter_map(variable).collect()
}

/// What the containers of a task with these addresses share.
pub(super) fn shared(addresses: Vec<Ipv4Addr>) -> Shared {
    let names = addresses.iter().map(|address| {
        format!("{address} ip-{}.compute.internal\n", address.to_string().replace('.', "-"))
    });
    let hosts = "127.0.0.1 localhost\n".to_owned() + &names.collect::<String>();
    Shared { addresses, hosts, volume_mode: 0o755 }
}

/// Makes what the containers share. Fails as the task does.
pub(super) fn open(group: &Group) -> Result<(), TaskEnd> {
    if let Some(index) = group.unknown_image() {
        let reason = format!(
            "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to \
             resolve ref {image}: {image}: not found",
            image = group.plans[index].image
        );
        group.give_up(index, &reason);
        return Err(TaskEnd::new("TaskFailedToStart", &reason));
    }
    group.open().map_err(|error| {
        TaskEnd::new("TaskFailedToStart", &format!("CannotStartContainerError: {error}"))
    })
}

impl From<GroupEnd> for TaskEnd {
    fn from(end: GroupEnd) -> Self {
        match end {
            GroupEnd::NotStarted(reason) => Self::new("TaskFailedToStart", &reason),
            GroupEnd::Exited => {
                Self::new("EssentialContainerExited", "Essential container in task exited")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_words_of_a_container_are_put_together_as_docker_does() {
        let image = ImageRoot {
            entrypoint: vec!["entry".to_owned()],
            command: vec!["cmd".to_owned()],
            ..ImageRoot::default()
        };
        for (container, own, wanted) in [
            (json!({}), json!({}), "entry cmd"),
            (json!({"command": ["a", "b"]}), json!({}), "entry a b"),
            (json!({"command": ["a"]}), json!({"command": ["c"]}), "entry c"),
            (json!({"entryPoint": ["e"]}), json!({}), "e"),
            (json!({"entryPoint": ["e"], "command": ["a"]}), json!({}), "e a"),
            (json!({"entryPoint": [""], "command": ["a"]}), json!({}), "a"),
        ] {
            assert_eq!(words(&container, &own, &image).join(" "), wanted, "{container} {own}");
        }
    }

    #[test]
    fn a_definition_without_a_known_image_has_no_containers_of_its_own() {
        let images = BTreeMap::from([("known".to_owned(), ImageRoot::default())]);
        let definition = |image: &str| {
            json!({"containerDefinitions": [
                {"name": "a", "image": image},
                {"name": "b", "image": "unknown", "essential": false},
            ]})
        };
        assert!(plans(&definition("unknown"), &json!({}), &images).is_empty());
        let plans = plans(&definition("known"), &json!({}), &images);
        let tree = |index: usize| plans[index].tree.is_some();
        assert_eq!((plans.len(), tree(0), tree(1)), (2, true, false));
        assert!(plans[0].essential && !plans[1].essential);
    }
}
