//! The only place that names concrete backends: settings in, a [`JobBackend`] out.

mod abilities;
mod agent;
mod ecs;
mod eks;
pub mod gc;
mod joined;
mod local;
mod way_in;

use std::sync::Arc;
use std::time::Duration;

use fargate_backend_ecs::AssumeRole;
use fargate_core::job::JobBackend;
use fargate_core::{AgentSetup, Error, ErrorKind, Result};

pub use self::abilities::Abilities;
use self::agent::AgentKeys;
use self::joined::Joined;
use self::way_in::WayIn;
use crate::config::{Origin, Settings, Value, keys};

/// The backend the settings choose.
///
/// # Errors
/// `InvalidConfig` when the settings contradict each other.
pub fn open(settings: &Settings) -> Result<Arc<dyn JobBackend>> {
    Ok(match settings.text(keys::BACKEND) {
        Some("local") => Joined::open(local::config(settings)?, WayIn::ssh(settings)),
        Some("eks") => {
            let config = eks::config(settings)?;
            let way_in = eks::way_in(settings, &config);
            Joined::open(config, way_in)
        }
        _ => {
            let config = ecs::config(settings)?;
            let way_in = WayIn::ssh(settings).proving(config.agent.is_some());
            Joined::open(config, way_in)
        }
    })
}

/// Checks what can be checked without asking anybody: contradictions, the key file and the
/// directories of images.
///
/// # Errors
/// As [`open`], and `InvalidConfig` when `PrivateKeyPath` or a directory of `[Local] Images` cannot be
/// used.
pub fn check(settings: &Settings) -> Result<()> {
    if settings.text(keys::BACKEND) == Some("local") {
        local::check(settings)?;
    }
    open(settings)?.new_credential().map(drop)
}

/// Why a task has neither an image nor services.
const NOT_HERE: &str = "tasks on this machine have none";

/// The keys that say which image a job runs in.
#[derive(Debug, Clone, Copy)]
pub struct ImageKeys {
    /// Patterns of what the job may choose.
    pub allowed: &'static str,
    /// The image for a job that chooses none; without this key it is the task definition's.
    pub default: Option<&'static str>,
}

/// The keys of the backend, where it can run a task in an image of the job's.
#[must_use]
pub fn image_keys(settings: &Settings) -> Option<ImageKeys> {
    match settings.text(keys::BACKEND) {
        Some("local") => None,
        Some("eks") => {
            let default = Some(keys::EKS_DEFAULT_IMAGE);
            Some(ImageKeys { allowed: keys::EKS_ALLOWED_IMAGES, default })
        }
        _ if agent::ECS.is_on(settings) => {
            Some(ImageKeys { allowed: keys::ALLOWED_IMAGES, default: None })
        }
        _ => None,
    }
}

/// What the backend can do for a job; `None` where a task is as it is whatever the job asks for.
#[must_use]
pub fn abilities(settings: &Settings) -> Option<Abilities> {
    match settings.text(keys::BACKEND) {
        Some("local") => None,
        Some("eks") => Some(abilities::EKS),
        _ => Some(abilities::ECS),
    }
}

/// The agent in the containers of tasks; `None` where they have none.
///
/// # Errors
/// `InvalidConfig`: something needs the agent that is not there.
pub fn agent(settings: &Settings) -> Result<Option<AgentSetup>> {
    match settings.text(keys::BACKEND) {
        Some("local") => Ok(None),
        // Without services, a pod runs images as they are by itself.
        Some("eks") => agent::EKS.setup(settings, &[keys::ALLOWED_SERVICES]),
        _ => agent::ECS.setup(settings, &[keys::ALLOWED_IMAGES, keys::ALLOWED_SERVICES]),
    }
}

/// Why a job's image is not used that others would expect to be; `None` where nobody would, and
/// where [`image_keys`] has something to say.
#[must_use]
pub fn no_images(settings: &Settings) -> Option<String> {
    match settings.text(keys::BACKEND) {
        Some("local") => Some(NOT_HERE.to_owned()),
        Some("eks") => None,
        _ => agent::ECS.why_off(settings).filter(|_| agent::ECS.is_off(settings)),
    }
}

/// Why tasks have no services, whatever is allowed; `None` where they can have some.
#[must_use]
pub fn no_services(settings: &Settings) -> Option<String> {
    match agent_keys(settings) {
        None => Some(NOT_HERE.to_owned()),
        Some(keys) => keys.why_off(settings),
    }
}

/// Says which image a helper container runs, where the configuration leaves that to the driver: the
/// one that GitLab has built for this version of GitLab Runner, such as `19.3.0`.
pub fn choose_helper(settings: &mut Settings, runner: Option<&str>, arm64: bool) {
    let Some(key) = agent_keys(settings).and_then(|keys| keys.open_helper(settings)) else {
        return;
    };
    let image = agent::gitlab_helper(&agent::helper_version(runner), arm64);
    settings.set(key, Value::Text(image), Origin::Default);
}

fn agent_keys(settings: &Settings) -> Option<&'static AgentKeys> {
    match settings.text(keys::BACKEND) {
        Some("local") => None,
        Some("eks") => Some(&agent::EKS),
        _ => Some(&agent::ECS),
    }
}

/// What prepare is about to do, in one line. `image` is what the task runs in, where that can be
/// chosen.
#[must_use]
pub fn describe(settings: &Settings, image: Option<&str>) -> String {
    match settings.text(keys::BACKEND) {
        Some("local") => local::describe(image),
        Some("eks") => eks::describe(settings, image.unwrap_or("?")),
        _ => ecs::describe(settings, image),
    }
}

/// The role of `key` for the driver's own calls to AWS.
fn assume_role(settings: &Settings, key: &str) -> Option<AssumeRole> {
    let role = settings.role(key)?;
    let mut assume = AssumeRole::new(&role.arn);
    assume.external_id.clone_from(&role.external_id);
    assume.session_name.clone_from(&role.session_name);
    Some(assume)
}

/// Sets what is set of a task's SSH server, and how long a task may take to start.
fn set_start(settings: &Settings, user: &mut String, port: &mut u16, limit: &mut Duration) {
    if let Some(set) = settings.owned(keys::SSH_USERNAME) {
        *user = set;
    }
    if let Some(set) = settings.number(keys::SSH_PORT).and_then(|port| u16::try_from(port).ok()) {
        *port = set;
    }
    if let Some(set) = settings.duration(keys::START_TIMEOUT) {
        *limit = set;
    }
}

fn contradiction(settings: &Settings, one: &str, other: &str) -> Error {
    let place = |key: &str| match settings.get(key) {
        Some((_, origin)) => format!("{key} ({origin})"),
        None => key.to_owned(),
    };
    Error::new(
        ErrorKind::InvalidConfig,
        "read the configuration",
        format!("{} and {} exclude each other", place(one), place(other)),
    )
    .hint("keep one of them")
}
