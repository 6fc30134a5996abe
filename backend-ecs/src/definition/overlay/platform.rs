//! What the task runs on.

use fargate_core::{Result, TaskImage, TaskNeeds};
use serde_json::{Value, json};

use super::fields::{Fields, wrong};

/// Sets the CPU architecture that the images ask for; all containers of a task have the same.
pub(super) fn lay(definition: &mut Fields, needs: &TaskNeeds) -> Result<()> {
    check_base(definition)?;
    let services = needs.services.iter().map(|service| &service.image);
    let mut asked: Option<&'static str> = None;
    for image in needs.image.iter().chain(services) {
        let Some(own) = architecture(image)? else { continue };
        if asked.is_some_and(|other| other != own) {
            return Err(wrong(
                "the images of the job and its services are for different platforms".to_owned(),
                "take all of them for one platform: a task has one",
            ));
        }
        asked = Some(own);
    }
    let Some(asked) = asked else { return Ok(()) };
    let platform = definition.entry("runtimePlatform").or_insert(Value::Null);
    if !platform.is_object() {
        *platform = json!({"operatingSystemFamily": "LINUX"});
    }
    platform["cpuArchitecture"] = asked.into();
    Ok(())
}

/// `cpuArchitecture` for the platform of an image, as an image index names it (OCI image
/// specification, "Image Index"); the values are those of RuntimePlatform in the API reference.
fn architecture(image: &TaskImage) -> Result<Option<&'static str>> {
    match image.platform.as_deref() {
        None => Ok(None),
        Some("linux/amd64") => Ok(Some("X86_64")),
        Some("linux/arm64" | "linux/arm64/v8") => Ok(Some("ARM64")),
        Some(other) => Err(wrong(
            format!("the image {} is wanted for the platform {other:?}", image.name),
            "Fargate has linux/amd64 and linux/arm64",
        )),
    }
}

fn check_base(definition: &Fields) -> Result<()> {
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
