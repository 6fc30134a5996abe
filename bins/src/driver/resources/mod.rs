//! Which size, capacity and role a job's task has.

mod sizes;

use fargate_core::{Capacity, Error, ErrorKind, TaskResources};

pub(super) use self::sizes::Sized;
use super::policy::{Policy, Ruling, Said};
use super::refusal::Refusal;
use crate::backends::{self, Abilities};
use crate::config::{Settings, keys};
use crate::gitlab::JobRequest;

const OP: &str = "choose the size and rights";
/// An ARN of AWS is no longer.
const MAX_ROLE: usize = 2048;

/// The size and rights of a job's task.
#[derive(Debug, Default)]
pub(super) struct Resources {
    pub(super) needs: TaskResources,
    /// What the job's CPU and memory came to.
    pub(super) size: Option<Sized>,
    /// What let the job have what it has, by variable.
    pub(super) rulings: Vec<(&'static str, Ruling)>,
    /// What the job's author should know.
    pub(super) notes: Vec<String>,
}

/// A variable that the job sets and that is somebody's to allow.
struct Asked<'a> {
    variable: &'static str,
    value: String,
    /// As it may be shown.
    shown: String,
    resources: &'a mut Resources,
}

/// Chooses the size and rights the job asks for in its variables.
///
/// What nobody allows it to choose is not used, and a note says so, as GitLab's executors do with
/// what may not be overwritten. Where tasks are as they are, nothing is looked at.
///
/// # Errors
/// The author's: a value that means nothing, or that is beyond what is allowed. Others:
/// `InvalidConfig` for a malformed pattern or maximum.
pub(super) fn choose(
    settings: &Settings,
    policy: &Policy<'_>,
    request: &JobRequest,
) -> Result<Resources, Refusal> {
    let mut resources = Resources::default();
    let Some(abilities) = backends::abilities(settings) else { return Ok(resources) };
    sizes::choose(settings, policy, request, &abilities, &mut resources)?;
    if let Some(asked) = Asked::read("FARGATE_CAPACITY", request, &mut resources) {
        capacity(asked, policy, &abilities)?;
    }
    if let Some(asked) = Asked::read("FARGATE_TASK_ROLE", request, &mut resources) {
        role(asked, policy)?;
    }
    Ok(resources)
}

impl<'a> Asked<'a> {
    fn read(
        variable: &'static str,
        request: &JobRequest,
        resources: &'a mut Resources,
    ) -> Option<Self> {
        let value = request.variable(variable)?;
        let shown = request.shown(&value);
        Some(Self { variable, value, shown, resources })
    }

    /// Notes that the job may not choose this.
    fn not_used(self, key: &str) {
        let note = format!("{} is not used: {key} is not set", self.variable);
        self.resources.notes.push(note);
    }

    /// Notes what lets the job have this.
    fn allow(self, by: String, allowed: String) {
        let ruling = Ruling { by, allowed: Some(allowed) };
        self.resources.rulings.push((self.variable, ruling));
    }

    fn means_nothing(&self, hint: &str) -> Refusal {
        let message = format!("{} is {:?}, which means nothing here", self.variable, self.shown);
        refused(ErrorKind::InvalidConfig, message, hint)
    }

    fn not_allowed<T>(&self, said: &Said<T>, allowed: &str) -> Refusal {
        let name = said.by.split(' ').next().and_then(|key| key.rsplit('.').next());
        Refusal::Author(
            Error::new(
                ErrorKind::PermissionDenied,
                OP,
                format!("{} is {:?}, which is not allowed", self.variable, self.shown),
            )
            .with("allowed", allowed.to_owned())
            .with("rule", &said.by)
            .hint(format!(
                "choose an allowed one, or ask the runner's operator to extend {}",
                name.unwrap_or_default()
            )),
        )
    }
}

fn refused(kind: ErrorKind, message: String, hint: &str) -> Refusal {
    Refusal::Author(Error::new(kind, OP, message).hint(hint.to_owned()))
}

fn capacity(asked: Asked<'_>, policy: &Policy<'_>, abilities: &Abilities) -> Result<(), Refusal> {
    let Some(allowed) = policy.words(keys::ALLOWED_CAPACITY) else {
        asked.not_used(keys::ALLOWED_CAPACITY);
        return Ok(());
    };
    let word = asked.value.trim().to_ascii_lowercase();
    let capacity = match word.as_str() {
        "spot" => Capacity::Spot,
        "on-demand" => Capacity::OnDemand,
        _ => return Err(asked.means_nothing("write spot or on-demand")),
    };
    if !allowed.value.contains(&word) {
        let list =
            if allowed.value.is_empty() { "nothing".into() } else { allowed.value.join(", ") };
        return Err(asked.not_allowed(&allowed, &list));
    }
    if capacity == Capacity::Spot && !abilities.spot {
        let message = format!("{} is \"spot\", and Fargate has no Spot for pods", asked.variable);
        return Err(refused(ErrorKind::InvalidConfig, message, "leave it out, or write on-demand"));
    }
    asked.resources.needs.capacity = Some(capacity);
    asked.allow(allowed.by, word);
    Ok(())
}

fn role(asked: Asked<'_>, policy: &Policy<'_>) -> Result<(), Refusal> {
    let Some(allowed) = policy.patterns(keys::ALLOWED_TASK_ROLES)? else {
        asked.not_used(keys::ALLOWED_TASK_ROLES);
        return Ok(());
    };
    let plain =
        asked.value.len() <= MAX_ROLE && asked.value.bytes().all(|byte| byte.is_ascii_graphic());
    if !plain {
        return Err(
            asked.means_nothing("write the ARN of a role, or a service account's name on EKS")
        );
    }
    let Some(pattern) = allowed.value.matching(&asked.value).map(str::to_owned) else {
        return Err(asked.not_allowed(&allowed, &allowed.value.list()));
    };
    asked.resources.needs.role = Some(asked.value.clone());
    asked.allow(allowed.by, pattern);
    Ok(())
}

#[cfg(test)]
mod tests;
