//! Lays an image and the agent over a base definition.

use fargate_core::{AgentSetup, Error, ErrorKind, Result, TaskImage};
use serde_json::{Map, Value, json};

use super::Base;
use super::registry::registry;

const AGENT: &str = AgentSetup::BRINGER;
const DIRECTORY: &str = AgentSetup::DIRECTORY;
const PROGRAM: &str = AgentSetup::PROGRAM;
/// Longest name of an image, without a digest: API reference of ECS, ContainerDefinition.
const MAX_IMAGE: usize = 255;

/// The definition of `base` in which `container` runs `image`, or else its own, under the agent.
/// Its family is still the base's.
pub(super) fn overlay(
    base: &Base,
    container: &str,
    agent: &AgentSetup,
    image: Option<&TaskImage>,
) -> Result<Map<String, Value>> {
    lay(base, container, agent, image).map_err(|error| error.with("task definition", &base.arn))
}

fn lay(
    base: &Base,
    container: &str,
    agent: &AgentSetup,
    image: Option<&TaskImage>,
) -> Result<Map<String, Value>> {
    let mut definition = base.definition.clone();
    check_platform(&definition)?;
    let mut containers = taken(&mut definition, "containerDefinitions");
    if containers.iter().any(|one| one["name"] == AGENT) {
        return Err(wrong(
            format!("the task definition has a container {AGENT:?} already"),
            "rename it: the container that brings the agent has this name",
        ));
    }
    let Some(Value::Object(own)) = containers.iter_mut().find(|one| one["name"] == container)
    else {
        return Err(wrong(
            format!("the task definition has no container {container:?}"),
            "give the container that runs the jobs this name",
        ));
    };
    let base_image = own.get("image").and_then(Value::as_str).unwrap_or_default().to_owned();
    let name = image.map_or(base_image.as_str(), |image| image.name.as_str());
    check_image("the job's image", name)?;
    check_image("AgentImage", &agent.image.name)?;

    // They go to whatever registry an image names.
    let credentials = own.remove("repositoryCredentials");
    let credentials_for =
        |image: &str| credentials.clone().filter(|_| registry(image) == registry(&base_image));
    let (entry_point, command) = words(agent, image);
    own.insert("image".to_owned(), name.into());
    put(own, "repositoryCredentials", credentials_for(name));
    put(own, "entryPoint", entry_point.map(Value::from));
    put(own, "command", Some(command.into()));
    mount(own, true)?;
    push(own, "dependsOn", json!({"containerName": AGENT, "condition": "SUCCESS"}));

    let mut bringer = Map::new();
    put(&mut bringer, "name", Some(AGENT.into()));
    put(&mut bringer, "image", Some(agent.image.name.as_str().into()));
    put(&mut bringer, "repositoryCredentials", credentials_for(&agent.image.name));
    put(&mut bringer, "essential", Some(false.into()));
    put(&mut bringer, "command", Some(json!(AgentSetup::INSTALL)));
    mount(&mut bringer, false)?;
    containers.push(bringer.into());
    put(&mut definition, "containerDefinitions", Some(containers.into()));

    let volumes = definition.get("volumes").and_then(Value::as_array);
    if volumes.is_some_and(|all| all.iter().any(|one| one["name"] == AGENT)) {
        return Err(wrong(
            format!("the task definition has a volume {AGENT:?} already"),
            "rename it: the volume that holds the agent has this name",
        ));
    }
    push(&mut definition, "volumes", json!({"name": AGENT}));
    Ok(definition)
}

/// Entry point and command of the job's container.
fn words(agent: &AgentSetup, image: Option<&TaskImage>) -> (Option<Vec<String>>, Vec<String>) {
    let options = ["--listen".to_owned(), format!("0.0.0.0:{}", agent.port)];
    let whole = || [PROGRAM.to_owned()].into_iter().chain(options.clone()).collect();
    match image.map(|image| image.entrypoint.as_slice()) {
        // The image's own, which has to run the words behind it.
        Some([]) => (None, whole()),
        Some(words) if words.iter().any(|word| !word.is_empty()) => (Some(words.to_vec()), whole()),
        // None at all: it was said so, or it is the base's, which was made to run something else.
        _ => (Some(vec![PROGRAM.to_owned()]), options.to_vec()),
    }
}

fn mount(container: &mut Map<String, Value>, read_only: bool) -> Result<()> {
    let here = |one: &Value| {
        one["containerPath"].as_str().is_some_and(|path| path.trim_end_matches('/') == DIRECTORY)
    };
    let mounts = container.get("mountPoints").and_then(Value::as_array);
    if mounts.is_some_and(|all| all.iter().any(here)) {
        return Err(wrong(
            format!("the task definition mounts a volume at {DIRECTORY} already"),
            "mount it elsewhere: the agent is mounted there",
        ));
    }
    let mount = json!({
        "sourceVolume": AGENT, "containerPath": DIRECTORY, "readOnly": read_only,
    });
    push(container, "mountPoints", mount);
    Ok(())
}

fn check_platform(definition: &Map<String, Value>) -> Result<()> {
    let mode = definition.get("networkMode").and_then(Value::as_str).unwrap_or("bridge");
    if mode != "awsvpc" {
        return Err(wrong(
            format!("the task definition has network mode {mode:?}"),
            "set its networkMode to \"awsvpc\", which Fargate needs",
        ));
    }
    let system = definition
        .get("runtimePlatform")
        .and_then(|platform| platform["operatingSystemFamily"].as_str())
        .unwrap_or("LINUX");
    if system.starts_with("WINDOWS") {
        return Err(wrong(
            format!("the task definition is for {system}"),
            "the agent runs on Linux: use another task definition, or no AgentImage",
        ));
    }
    Ok(())
}

fn check_image(whose: &str, name: &str) -> Result<()> {
    let length = name.split('@').next().unwrap_or_default().chars().count();
    if length == 0 {
        return Err(wrong(format!("{whose} has no name"), "name an image"));
    }
    if length > MAX_IMAGE {
        return Err(wrong(
            format!("{whose} has a name of {length} characters; ECS takes {MAX_IMAGE}"),
            "use a shorter name, or a digest behind a shorter one",
        ));
    }
    Ok(())
}

fn wrong(message: String, hint: &'static str) -> Error {
    Error::new(ErrorKind::InvalidConfig, "derive task definition", message).hint(hint)
}

/// Sets a field, or takes it away.
fn put(fields: &mut Map<String, Value>, name: &str, value: Option<Value>) {
    match value {
        Some(value) => fields.insert(name.to_owned(), value),
        None => fields.remove(name),
    };
}

/// Adds to a list, made where it is missing.
fn push(fields: &mut Map<String, Value>, name: &str, item: Value) {
    let mut items = taken(fields, name);
    items.push(item);
    fields.insert(name.to_owned(), items.into());
}

/// A list, which is gone then; missing is empty.
fn taken(fields: &mut Map<String, Value>, name: &str) -> Vec<Value> {
    match fields.remove(name) {
        Some(Value::Array(items)) => items,
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
