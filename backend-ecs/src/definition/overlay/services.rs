//! The services of a job.

use fargate_core::{Result, TaskService};
use serde_json::json;

use super::fields::{Fields, push, put};
use super::lent::Lent;

/// A service as its image has it. It has no part in the job's files or its agent, and the job goes
/// on without it, as in GitLab Runner's own executors. Its variables come with RunTask.
pub(super) fn container(service: &TaskService, lent: &Lent) -> Result<Fields> {
    let whose = format!("the image of the service {:?}", service.name);
    let mut container = lent.container(&service.name, &whose, &service.image, false)?;
    let words = |words: &[String]| (!words.is_empty()).then(|| json!(words));
    let none = service.image.entrypoint.iter().all(String::is_empty);
    if none && !service.image.entrypoint.is_empty() && !service.command.is_empty() {
        // An entry point of the container makes the image's void, whatever it is.
        put(&mut container, "entryPoint", words(&service.command));
    } else {
        put(&mut container, "entryPoint", words(&service.image.entrypoint));
        put(&mut container, "command", words(&service.command));
    }
    Ok(container)
}

/// Lets the job's container start only once the services have: each starts when its own image was
/// pulled, and they are waited for by time.
pub(super) fn go_first(services: &[TaskService], job: &mut Fields) {
    for service in services {
        let start = json!({"containerName": service.name, "condition": "START"});
        push(job, "dependsOn", start);
    }
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
