//! Which services a job's task runs.

mod aliases;
mod names;
mod ports;
mod variables;

use std::collections::BTreeSet;

use fargate_core::{AgentSetup, Error, ErrorKind, TaskService};

use super::patterns::Patterns;
use super::policy::{Policy, Ruling, Said};
use super::refusal::Refusal;
use super::task_image::{check_name, fits, task_image};
use crate::backends::{self, Abilities};
use crate::config::{Settings, keys};
use crate::gitlab::{JobRequest, JobService};

const OP: &str = "choose the services";
/// How errors call one.
const WHAT: &str = "the service";

/// A service of a job's task.
#[derive(Debug)]
pub(super) struct Chosen {
    pub(super) service: TaskService,
    /// The image's name as it may be shown.
    pub(super) shown: String,
    /// What let the job have it.
    pub(super) ruling: Ruling,
}

/// The services of a job's task.
#[derive(Debug, Default)]
pub(super) struct Services {
    pub(super) chosen: Vec<Chosen>,
    /// What the job's author should know.
    pub(super) note: Option<String>,
}

/// Chooses the services the job asks for.
///
/// Where tasks can have none, or nobody says which are allowed, the job runs without, and a note says
/// so.
///
/// # Errors
/// The author's: a service that is not allowed or that cannot be. Others: `InvalidConfig` for a
/// malformed pattern or job response.
pub(super) fn choose(
    settings: &Settings,
    policy: &Policy<'_>,
    request: &JobRequest,
) -> Result<Services, Refusal> {
    if let Some(why) = backends::no_services(settings) {
        return Ok(without(request, &why));
    }
    let Some(allowed) = policy.patterns(keys::ALLOWED_SERVICES)? else {
        return Ok(without(request, &format!("{} is not set", keys::ALLOWED_SERVICES)));
    };
    let (Some(abilities), Some(agent)) =
        (backends::abilities(settings), backends::agent(settings)?)
    else {
        return Ok(without(request, "tasks have no agent"));
    };
    let asked = request.services()?;
    check_count(asked.len(), &abilities, &agent)?;
    aliases::check(request, &asked)?;
    let mut names = BTreeSet::new();
    let mut chosen = Vec::new();
    for (at, service) in asked.iter().enumerate() {
        if service.image.name.is_empty() {
            let message = format!("the service {} has no image", at + 1);
            return Err(authors(message, "give it a name: that is its image"));
        }
        chosen.push(one(settings, &allowed, service, names::container(service, &mut names))?);
    }
    for (service, port) in chosen.iter_mut().zip(ports::of_all(request, &asked, &agent)?) {
        service.service.port = port;
    }
    let note = variables::give(&mut chosen, &asked, abilities.service_variables)?;
    Ok(Services { chosen, note })
}

/// One service, if it is allowed.
fn one(
    settings: &Settings,
    allowed: &Said<Patterns>,
    asked: &JobService,
    container: String,
) -> Result<Chosen, Refusal> {
    let shown = &asked.image.shown;
    check_name(&asked.image, WHAT)?;
    let Some(pattern) = allowed.value.matching(&asked.image.name) else {
        let message = format!("the job asks for the service {shown}, which is not allowed");
        return Err(Refusal::Author(
            Error::new(ErrorKind::PermissionDenied, OP, message)
                .with("allowed", allowed.value.list())
                .with("rule", &allowed.by)
                .hint(
                    "choose an allowed one, or ask the runner's operator to extend AllowedServices",
                ),
        ));
    };
    if !fits(&asked.command) {
        let message =
            format!("{WHAT} {shown}: its command is longer than 64 KiB, or has a zero byte");
        return Err(authors(message, "put what it does into a script of the image"));
    }
    let mut service = TaskService::new(container, task_image(settings, &asked.image, WHAT)?);
    service.command.clone_from(&asked.command);
    service.aliases = aliases::of(asked);
    let ruling = Ruling { by: allowed.by.clone(), allowed: Some(pattern.to_owned()) };
    Ok(Chosen { service, shown: shown.clone(), ruling })
}

/// None, and why, if the job asks for some.
fn without(request: &JobRequest, why: &str) -> Services {
    // Whatever form they have, they are not run.
    let asked = request.services().unwrap_or_default();
    let names: Vec<_> = asked.iter().map(|service| service.image.shown.as_str()).collect();
    let note = format!("The job's services ({}) are not run: {why}", names.join(", "));
    Services { chosen: Vec::new(), note: Some(note).filter(|_| !names.is_empty()) }
}

/// A task's other containers are the job's, the one that brings the agent, and the helper.
fn check_count(asked: usize, abilities: &Abilities, agent: &AgentSetup) -> Result<(), Refusal> {
    let own = 2 + usize::from(agent.helper.is_some());
    if asked == 0 || asked + own <= abilities.containers {
        return Ok(());
    }
    let most = abilities.containers.saturating_sub(own);
    let message = format!("the job has {asked} services, and a task has room for {most}");
    Err(authors(message, "run fewer, or several in one image"))
}

fn authors(message: String, hint: &str) -> Refusal {
    Refusal::Author(Error::new(ErrorKind::InvalidConfig, OP, message).hint(hint.to_owned()))
}

#[cfg(test)]
mod tests;
