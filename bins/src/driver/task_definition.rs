//! Which task definitions a job's author may ask for.

use fargate_core::{Error, ErrorKind};

use super::patterns::{Patterns, Star};
use super::refusal::Refusal;
use crate::config::{Origin, Settings, Value, keys};

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
