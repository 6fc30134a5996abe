//! The services of a job.

use fargate_core::{Result, TaskService};
use serde_json::json;

use super::fields::{Fields, put};
use super::lent::Lent;

/// A service as its image has it. It has no part in the job's files or its agent, and the job goes
/// on without it, as in GitLab Runner's own executors. Its variables come with RunTask.
pub(super) fn container(service: &TaskService, lent: &Lent) -> Result<Fields> {
    let whose = format!("the image of the service {:?}", service.name);
    let mut container = lent.container(&service.name, &whose, &service.image, false)?;
    let words = |words: &[String]| (!words.is_empty()).then(|| json!(words));
    put(&mut container, "entryPoint", words(&service.image.entrypoint));
    put(&mut container, "command", words(&service.command));
    Ok(container)
}

/// The names that the job's scripts know the services by.
pub(super) fn hosts(services: &[TaskService]) -> Vec<&str> {
    let mut hosts = Vec::new();
    for alias in services.iter().flat_map(|service| &service.aliases) {
        if !hosts.contains(&alias.as_str()) {
            hosts.push(alias.as_str());
        }
    }
    hosts
}
