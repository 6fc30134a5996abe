//! What containers have written.

use super::call::Call;
use super::process::Life;
use super::refusal::Refusal;
use super::state::World;
use super::stream::target;
use crate::host::log_file;

/// Answers `GET …/pods/NAME/log` with the fields `container` and `tailLines`.
pub(super) fn read(
    world: &World,
    call: &Call,
    namespace: &str,
    name: &str,
) -> Result<String, Refusal> {
    let pod = target::find(world, namespace, name)?;
    let wanted = call.query.get("container").map(String::as_str);
    let index = target::container(&pod, wanted)?;
    let container = pod["spec"]["containers"][index]["name"].as_str().unwrap_or_default();
    target::check_host(&pod)?;
    let status = &pod["status"]["containerStatuses"][index];
    if let Some(waiting) = status["state"].get("waiting") {
        // In the kubelet's words (`validateContainerLogStatus`).
        let reason = waiting["reason"].as_str().unwrap_or_default();
        return Err(Refusal::bad_request(format!(
            "container {container:?} in pod {name:?} is waiting to start: {reason}"
        )));
    }
    let log = world.with_life(&target::uid(&pod), |life| life.log(Some(container)));
    let log = log.unwrap_or_default();
    let lines: Vec<&str> = log.split_inclusive('\n').collect();
    let last = call.number("tailLines")?.and_then(|last| usize::try_from(last).ok());
    let first = last.map_or(0, |last| lines.len().saturating_sub(last));
    Ok(lines[first..].concat())
}

impl Life {
    /// What one container has written, or all of them. A program of the options is all there is.
    pub(super) fn log(&self, container: Option<&str>) -> String {
        if let Some(containers) = &self.containers {
            return containers.log(container);
        }
        let main = self.last["spec"]["containers"][self.main]["name"].as_str();
        if container.is_some() && container != main {
            return String::new();
        }
        let log = std::fs::read(log_file(&self.directory)).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }
}
