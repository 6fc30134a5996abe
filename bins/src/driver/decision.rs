//! What a job gets of what it asks for.

use fargate_core::{Error, ErrorKind, TaskNeeds};

use super::image::{self, Choice};
use super::policy::Policy;
use super::refusal::Refusal;
use super::resources::{self, Resources};
use super::services::{self, Services};
use super::task_definition;
use crate::config::Settings;
use crate::gitlab::JobRequest;

/// How a task is told to be of the CPU architecture arm64.
pub(super) const ARM64: &str = "linux/arm64";

/// All that is decided for one job.
#[derive(Debug)]
pub(super) struct Decision {
    /// The name of the rule that the job comes under.
    pub(super) rule: Option<String>,
    pub(super) image: Choice,
    pub(super) services: Services,
    pub(super) resources: Resources,
}

/// Decides what the job gets.
///
/// # Errors
/// The author's for what is not allowed or cannot be; others as in each part.
pub(super) fn decide(settings: &Settings, request: &JobRequest) -> Result<Decision, Refusal> {
    task_definition::check(settings)?;
    let policy = Policy::of(settings, request.source())?;
    let decision = Decision {
        rule: policy.rule().map(str::to_owned),
        image: image::choose(settings, &policy, request)?,
        services: services::choose(settings, &policy, request)?,
        resources: resources::choose(settings, &policy, request)?,
    };
    one_platform(&decision.needs())?;
    Ok(decision)
}

/// Checks that all containers are for the same platform: they share one machine.
fn one_platform(needs: &TaskNeeds) -> Result<(), Refusal> {
    let services = needs.services.iter().map(|service| &service.image);
    let mut platforms =
        needs.image.iter().chain(services).filter_map(|image| image.platform.as_deref());
    let Some(first) = platforms.next() else { return Ok(()) };
    let Some(other) = platforms.find(|other| *other != first) else { return Ok(()) };
    let message = format!("the job asks for images of {first} and of {other}");
    Err(Refusal::Author(
        Error::new(ErrorKind::InvalidConfig, "choose the images", message)
            .hint("choose one platform for the job's image and all services"),
    ))
}

impl Decision {
    /// What the backend is told.
    pub(super) fn needs(&self) -> TaskNeeds {
        let mut needs = TaskNeeds::default();
        needs.image.clone_from(&self.image.image);
        needs.services = self.services.chosen.iter().map(|one| one.service.clone()).collect();
        needs.resources = self.resources.needs.clone();
        needs
    }

    /// Whether the task is to be of the CPU architecture arm64.
    pub(super) fn is_arm64(&self) -> bool {
        let services = self.services.chosen.iter().map(|one| &one.service.image);
        let mut images = self.image.image.iter().chain(services);
        images.any(|image| image.platform.as_deref() == Some(ARM64))
    }

    /// What the job asks for and does not get, a line each.
    pub(super) fn unused(&self) -> Vec<String> {
        let notes = self.image.note.iter().chain(&self.services.note);
        notes.chain(&self.resources.notes).cloned().collect()
    }

    /// What the job's author should know, a line each.
    pub(super) fn notes(&self) -> Vec<String> {
        let mut notes = self.unused();
        notes.extend(self.resources.size.map(|size| format!("Size: {size}")));
        if !self.services.chosen.is_empty() {
            let each = self.services.chosen.iter().map(|one| {
                let port = one.service.port.map(|port| format!(" (port {port})"));
                format!("{} as {}{}", one.shown, one.service.name, port.unwrap_or_default())
            });
            notes.push(format!("Services: {}", each.collect::<Vec<_>>().join(", ")));
        }
        notes
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::driver::testing::{authors, request, settings};

    const ECS: &str = "[Fargate]\nAgentImage = 'a:1'\nAllowedImages = ['**']\n\
                       [Policy]\nAllowedServices = ['**']\nMaxCPU = 4096\n";

    #[test]
    fn all_containers_of_a_task_are_of_one_platform() {
        let platform = |name: &str| json!({"docker": {"platform": name}});
        let job = |image: &str, service: &str| {
            let response = json!({"id": 7,
                "image": {"name": "a", "executor_opts": platform(image)},
                "services": [{"name": "b", "executor_opts": platform(service)}, {"name": "c"}]});
            decide(&settings(ECS), &request(&response))
        };
        let error = authors(job("linux/arm64", "linux/amd64"));
        assert!(error.message().contains("linux/arm64 and of linux/amd64"), "{error}");
        assert!(job("arm64", "linux/arm64/v8").unwrap().is_arm64());
        assert!(!job("linux/amd64", "amd64").unwrap().is_arm64());
    }

    #[test]
    fn what_a_job_gets_is_told_and_passed_on() {
        let response = json!({"id": 7, "image": {"name": "alpine:3"},
            "services": [{"name": "postgres:16", "alias": "db"}, {"name": "x/y"}],
            "variables": [{"key": "FARGATE_CPU", "value": "1024"},
                          {"key": "FARGATE_CAPACITY", "value": "spot"}]});
        let decision = decide(&settings(ECS), &request(&response)).unwrap();
        assert_eq!(
            decision.notes(),
            [
                "FARGATE_CAPACITY is not used: Policy.AllowedCapacity is not set",
                "Size: CPU 1 vCPU, rounded up to CPU 1 vCPU, memory 2 GB",
                "Services: postgres:16 as db (port 5432), x/y as y",
            ]
        );
        let needs = decision.needs();
        assert_eq!(needs.image.unwrap().name, "alpine:3");
        assert_eq!(needs.services.len(), 2);
        assert_eq!((needs.resources.cpu, needs.resources.memory), (Some(1024), Some(2048)));
    }
}
