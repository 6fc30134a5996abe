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

    /// What the job's author should know, a line each.
    pub(super) fn notes(&self) -> Vec<String> {
        let mut notes: Vec<_> =
            self.image.note.iter().chain(&self.services.note).cloned().collect();
        notes.extend(self.resources.notes.iter().cloned());
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
