//! Which task definitions a job's author may ask for.

use fargate_core::{Error, ErrorKind};

use super::patterns::{Patterns, Star};
use super::refusal::Refusal;
use crate::config::{Origin, Settings, Value, keys};
use crate::environment::{Lookup, text};

/// What the job's author sets to choose one.
pub(super) const VARIABLE: &str = "CUSTOM_ENV_FARGATE_TASK_DEFINITION";

/// Whether the variable for `path` counts. Without a word about which definitions are allowed any
/// is, as in the Go driver; but where the operator says what else jobs may have, a definition of
/// their own choice, with its role, secrets and size, would be a way around that.
pub(super) fn may_be_chosen(settings: &Settings, path: &str) -> bool {
    let is_set = |key: &str| settings.get(key).is_some();
    let mut policy = keys::KEYS.iter().map(|key| key.path).filter(|key| key.starts_with("Policy."));
    path != keys::TASK_DEFINITION
        || is_set(keys::ALLOWED_TASK_DEFINITIONS)
        || !(is_set(keys::AGENT_IMAGE) || policy.any(is_set))
}

/// What the job's author should know of a choice that does not count.
pub(super) fn note(settings: &Settings, get: Lookup<'_>) -> Option<String> {
    let asked = text(get, VARIABLE).filter(|asked| !asked.is_empty())?;
    let unused = !may_be_chosen(settings, keys::TASK_DEFINITION)
        && settings.text(keys::TASK_DEFINITION) != Some(asked.as_str());
    unused.then(|| {
        format!(
            "FARGATE_TASK_DEFINITION is not used: {} is not set",
            keys::ALLOWED_TASK_DEFINITIONS
        )
    })
}

/// Checks a task definition that came from the job's author. The operator may choose anything.
///
/// # Errors
/// The author's when no pattern matches; another, `InvalidConfig`, for a malformed pattern.
pub(super) fn check(settings: &Settings) -> Result<(), Refusal> {
    // Without the key everything is allowed, as in the Go driver; an empty list allows nothing.
    let allowed = Patterns::read(settings, keys::ALLOWED_TASK_DEFINITIONS, Star::Everything)?;
    match (allowed, settings.get(keys::TASK_DEFINITION)) {
        (Some(allowed), Some((Value::Text(asked), Origin::Variable(_))))
            if !allowed.allow(asked) =>
        {
            Err(Refusal::Author(not_allowed(asked, &allowed)))
        }
        _ => Ok(()),
    }
}

fn not_allowed(asked: &str, allowed: &Patterns) -> Error {
    Error::new(
        ErrorKind::PermissionDenied,
        "choose the task definition",
        format!(
            "the job asks for {asked:?} (variable FARGATE_TASK_DEFINITION), which is not allowed"
        ),
    )
    .with("allowed", allowed.list())
    .hint("choose an allowed one, or ask the runner's operator to extend AllowedTaskDefinitions")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(asked: &str, allowed: &[&str], origin: Origin) -> Result<(), Refusal> {
        let mut settings = Settings::default();
        let allowed = allowed.iter().map(|&pattern| pattern.to_owned()).collect();
        settings.set(keys::ALLOWED_TASK_DEFINITIONS, Value::Texts(allowed), Origin::Line(1));
        settings.set(keys::TASK_DEFINITION, Value::Text(asked.into()), origin);
        check(&settings)
    }

    const BY_JOB: Origin = Origin::Variable("CUSTOM_ENV_FARGATE_TASK_DEFINITION");

    #[test]
    fn a_job_may_only_choose_what_is_allowed() {
        let patterns = ["ci-*", "arn:aws:ecs:*:task-definition/ci-*"];
        let chosen = |asked| choose(asked, &patterns, BY_JOB);
        assert!(chosen("ci-rust:3").is_ok());
        assert!(chosen("arn:aws:ecs:eu-west-1:1:task-definition/ci-x").is_ok());
        let refused = chosen("prod-db").unwrap_err();
        assert!(matches!(&refused, Refusal::Author(_)), "{refused:?}");
        assert_eq!(Error::from(refused).kind(), ErrorKind::PermissionDenied);
        assert!(choose("anything", &[], BY_JOB).is_err(), "an empty list allows nothing");
        let mut settings = Settings::default();
        settings.set(keys::TASK_DEFINITION, Value::Text("anything".into()), BY_JOB);
        assert!(check(&settings).is_ok(), "without the key everything is allowed");
    }

    #[test]
    fn the_operators_own_choice_is_not_checked_but_the_patterns_are() {
        assert!(choose("prod", &["ci-*"], Origin::Flag("--task-def")).is_ok());
        for origin in [Origin::Line(2), BY_JOB] {
            let refused = choose("ci-x", &["ci-*", "["], origin).unwrap_err();
            assert!(matches!(&refused, Refusal::Other(_)), "{refused:?}");
            assert_eq!(Error::from(refused).kind(), ErrorKind::InvalidConfig);
        }
    }
}
