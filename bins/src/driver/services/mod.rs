//! Which services a job's task runs.

mod aliases;
mod names;
mod ports;

use std::collections::BTreeSet;

use fargate_core::{AgentSetup, Error, ErrorKind, TaskService};

use self::ports::Port;
use super::policy::{Policy, Ruling};
use super::refusal::Refusal;
use super::task_image::{check_name, fits, task_image};
use crate::backends::{self, Abilities};
use crate::config::{Settings, keys};
use crate::gitlab::JobRequest;

const OP: &str = "choose the services";

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
    aliases::check(request, &asked, &abilities)?;
    let mut names = BTreeSet::new();
    let mut known = Vec::new();
    let mut chosen = Vec::new();
    for (at, service) in asked.iter().enumerate() {
        let shown = &service.image.shown;
        let what = format!("the service {}", at + 1);
        if service.image.name.is_empty() {
            return Err(authors(
                format!("{what} has no image"),
                "give it a name: that is its image",
            ));
        }
        check_name(&service.image, "the service")?;
        let Some(pattern) = allowed.value.matching(&service.image.name) else {
            return Err(Refusal::Author(
                Error::new(
                    ErrorKind::PermissionDenied,
                    OP,
                    format!("the job asks for the service {shown}, which is not allowed"),
                )
                .with("allowed", allowed.value.list())
                .with("rule", &allowed.by)
                .hint(
                    "choose an allowed one, or ask the runner's operator to extend AllowedServices",
                ),
            ));
        };
        if !fits(&service.command) {
            let why = format!(
                "the service {shown}: its command is longer than 64 KiB, or has a zero byte"
            );
            return Err(authors(why, "put what it does into a script of the image"));
        }
        if let Some((name, _)) = service.variables.iter().find(|(_, value)| value.contains('\0')) {
            let why = format!("the service {shown}: its variable {name} has a zero byte");
            return Err(authors(why, "no environment can hold that"));
        }
        let port = ports::of(request, service)?;
        let mut task = TaskService::new(
            names::container(service, &mut names),
            task_image(settings, &service.image, "the service")?,
        );
        task.command.clone_from(&service.command);
        task.aliases = aliases::of(service, &abilities);
        task.variables.clone_from(&service.variables);
        task.port = port.as_ref().map(Port::number);
        known.extend(port.map(|port| (port, shown.as_str())));
        let ruling = Ruling { by: allowed.by.clone(), allowed: Some(pattern.to_owned()) };
        chosen.push(Chosen { service: task, shown: shown.clone(), ruling });
    }
    ports::check(&known, &agent)?;
    Ok(Services { chosen, note: None })
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
