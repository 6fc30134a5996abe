//! Names that can be there once only.

use fargate_core::{AgentSetup, Result, TaskNeeds};
use serde_json::Value;

use super::fields::wrong;

/// Refuses a base or services with the name of a container that is added.
pub(super) fn check(
    containers: &[Value],
    job: &str,
    agent: &AgentSetup,
    needs: &TaskNeeds,
) -> Result<()> {
    let bring = [Some(AgentSetup::BRINGER), agent.helper.as_ref().map(|_| AgentSetup::HELPER)];
    let in_base = |name: &str| containers.iter().any(|one| one["name"] == name);
    for name in bring.into_iter().flatten() {
        if in_base(name) {
            return Err(wrong(
                format!("the task definition has a container {name:?} already"),
                "rename it: a container that comes with the agent has this name",
            ));
        }
    }
    for (index, service) in needs.services.iter().enumerate() {
        let name = service.name.as_str();
        let of = if name == job || in_base(name) {
            "a container of the task definition"
        } else if [AgentSetup::BRINGER, AgentSetup::HELPER].contains(&name) {
            "a container that comes with the agent"
        } else if needs.services[..index].iter().any(|other| other.name == name) {
            "another service"
        } else {
            continue;
        };
        return Err(wrong(
            format!("the service {name:?} has the name of {of}"),
            "rename the container of the task definition, or give the service another name",
        ));
    }
    Ok(())
}
