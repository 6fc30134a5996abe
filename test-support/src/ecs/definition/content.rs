//! What `RegisterTaskDefinition` checks of containers and volumes, and fills in.

use serde_json::{Map, Value, json};

use crate::ecs::api_error::ApiError;
use crate::ecs::request::{list, text};

/// "Amazon ECS service quotas" in the developer guide.
const MAX_SIZE: usize = 64 * 1024;
const MAX_CONTAINERS: usize = 10;
/// API reference, ContainerDefinition: without a digest.
const MAX_IMAGE: usize = 255;

/// Refuses what ECS refuses.
pub(super) fn check(input: &Value) -> Result<(), ApiError> {
    let size = input.to_string().len();
    if size > MAX_SIZE {
        return Err(ApiError::client(format!(
            "Actual length: '{size}'. Max allowed length is '{MAX_SIZE}' bytes."
        )));
    }
    let containers = list(input, "containerDefinitions");
    if containers.len() > MAX_CONTAINERS {
        return Err(ApiError::client("Task definition has too many containers."));
    }
    for (index, container) in containers.iter().enumerate() {
        let Some(name) = text(container, "name") else {
            return Err(ApiError::client("Container.name should not be null or empty."));
        };
        if containers[..index].iter().any(|one| text(one, "name") == Some(name)) {
            return Err(ApiError::client("Container names should be unique."));
        }
        let image = text(container, "image").unwrap_or_default().split('@').next();
        if !image.is_some_and(|image| (1..=MAX_IMAGE).contains(&image.chars().count())) {
            return Err(ApiError::client("Container.image contains invalid characters."));
        }
        for mount in list(container, "mountPoints") {
            let wanted = text(mount, "sourceVolume").unwrap_or_default();
            if !list(input, "volumes").iter().any(|one| text(one, "name") == Some(wanted)) {
                return Err(ApiError::client(format!("Unknown volume '{wanted}'.")));
            }
        }
        for dependency in list(container, "dependsOn") {
            check_dependency(containers, dependency)?;
        }
        if depends_on_itself(containers, name, name, containers.len()) {
            return Err(ApiError::client("Container dependencies must not form a cycle."));
        }
    }
    if !containers.iter().any(is_essential) {
        return Err(ApiError::client("At least one container must be essential."));
    }
    Ok(())
}

fn is_essential(container: &Value) -> bool {
    container["essential"] != false
}

fn check_dependency(containers: &[Value], dependency: &Value) -> Result<(), ApiError> {
    let name = text(dependency, "containerName").unwrap_or_default();
    let Some(other) = containers.iter().find(|one| text(one, "name") == Some(name)) else {
        return Err(ApiError::client(format!(
            "Cannot depend on container + '{name}' because it does not exist"
        )));
    };
    match text(dependency, "condition").unwrap_or_default() {
        "START" | "HEALTHY" => Ok(()),
        "COMPLETE" | "SUCCESS" if is_essential(other) => Err(ApiError::client(
            "A dependency container with SUCCESS or COMPLETE condition cannot be an essential \
             container",
        )),
        "COMPLETE" | "SUCCESS" => Ok(()),
        _ => Err(ApiError::client("The dependency condition is unknown.")),
    }
}

/// Whether the dependencies of `from` lead to `to` in as many steps at most.
fn depends_on_itself(containers: &[Value], from: &str, to: &str, steps: usize) -> bool {
    let Some(container) = containers.iter().find(|one| text(one, "name") == Some(from)) else {
        return false;
    };
    let next = list(container, "dependsOn").iter().filter_map(|one| text(one, "containerName"));
    steps > 0
        && next
            .into_iter()
            .any(|name| name == to || depends_on_itself(containers, name, to, steps - 1))
}

/// Adds what ECS shows although nobody said it.
pub(super) fn fill_in(definition: &mut Value) {
    let fill = |fields: &mut Map<String, Value>, name: &str, value: Value| {
        fields.entry(name).or_insert(value);
    };
    for container in objects(definition, "containerDefinitions") {
        fill(container, "cpu", json!(0));
        fill(container, "essential", json!(true));
        for name in ["portMappings", "environment", "mountPoints", "volumesFrom", "systemControls"]
        {
            fill(container, name, json!([]));
        }
    }
    for volume in objects(definition, "volumes") {
        if volume.len() == 1 {
            fill(volume, "host", json!({}));
        }
    }
}

fn objects<'a>(
    definition: &'a mut Value,
    name: &str,
) -> impl Iterator<Item = &'a mut Map<String, Value>> {
    let items = definition[name].as_array_mut().into_iter().flatten();
    items.filter_map(Value::as_object_mut)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn container(name: &str, more: &Value) -> Value {
        let mut container = json!({"name": name, "image": "i:1"});
        for (name, value) in more.as_object().into_iter().flatten() {
            container[name] = value.clone();
        }
        container
    }

    fn after(name: &str, condition: &str) -> Value {
        json!({"dependsOn": [{"containerName": name, "condition": condition}]})
    }

    fn refusal(containers: &[Value]) -> String {
        let input = json!({"containerDefinitions": containers, "volumes": [{"name": "v"}]});
        check(&input).expect_err("a refusal").message
    }

    #[test]
    fn what_ecs_refuses_is_refused() {
        let mount = |volume: &str| json!({"mountPoints": [{"sourceVolume": volume}]});
        let long = json!({"image": "i".repeat(256)});
        let huge = json!({"command": ["x".repeat(MAX_SIZE)]});
        for (containers, words) in [
            (vec![container("a", &json!({})), container("a", &json!({}))], "unique"),
            (vec![container("a", &long)], "image"),
            (vec![container("a", &huge)], "Max allowed length"),
            (vec![container("a", &mount("w"))], "Unknown volume 'w'"),
            (vec![container("a", &json!({"essential": false}))], "essential"),
            (vec![container("a", &after("b", "START"))], "does not exist"),
            (vec![container("a", &after("a", "START"))], "cycle"),
            (
                vec![container("a", &after("b", "START")), container("b", &after("a", "START"))],
                "cycle",
            ),
            (
                vec![container("a", &after("b", "SUCCESS")), container("b", &json!({}))],
                "cannot be an essential",
            ),
            (
                vec![container("a", &after("b", "SOON")), container("b", &json!({}))],
                "condition is unknown",
            ),
            ((0..11).map(|n| container(&format!("c{n}"), &json!({}))).collect(), "too many"),
        ] {
            let said = refusal(&containers);
            assert!(said.contains(words), "{words}: {said}");
        }
        let good = [
            container("a", &after("b", "SUCCESS")),
            container("b", &json!({"essential": false, "mountPoints": [{"sourceVolume": "v"}]})),
            container("c", &after("b", "COMPLETE")),
        ];
        let input = json!({"containerDefinitions": good, "volumes": [{"name": "v"}]});
        assert_eq!(check(&input), Ok(()));
    }
}
