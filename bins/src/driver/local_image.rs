//! Which image a job runs in on this machine, where images are directories.

use std::cmp::Reverse;

use fargate_core::{Result, TaskImage};

use super::image::Choice;
use super::patterns::{Patterns, Star};
use super::policy::Ruling;
use super::refusal::Refusal;
use crate::config::{Settings, keys};
use crate::environment::Lookup;
use crate::gitlab::{JobImage, JobRequest};

/// Where a job and its cache are in the root file system of its image, as on GitLab's executors.
const DIRECTORIES: [&str; 2] = ["/builds", "/cache"];

/// Whether jobs can have an image here.
pub(super) fn are_there(settings: &Settings) -> bool {
    settings.text(keys::BACKEND) == Some("local") && settings.get(keys::LOCAL_IMAGES).is_some()
}

/// The entry of `[Local] Images` for the image the job asks for. An image without an entry is not
/// used, and a note says so.
///
/// What is chosen is the operator's name for it, not the job's: the backend has a directory for each.
///
/// # Errors
/// `InvalidConfig` for a malformed pattern or job response.
pub(super) fn choose(settings: &Settings, request: &JobRequest) -> Result<Choice, Refusal> {
    let Some(asked) = request.image()? else { return Ok(Choice::default()) };
    let Some(entry) = entry(settings, &asked.name)? else {
        let note = format!(
            "The job's image {} is not used: Local.Images has no entry for it",
            asked.shown
        );
        return Ok(Choice { note: Some(note), ..Choice::default() });
    };
    Ok(Choice {
        image: Some(TaskImage::new(&entry)),
        ruling: Some(Ruling { by: keys::LOCAL_IMAGES.to_owned(), allowed: Some(entry) }),
        note: unused(&asked),
        shown: Some(asked.shown),
    })
}

/// What a directory cannot give: it has no entry point to put another one in place of, and the
/// right to be another user is not everybody's.
fn unused(asked: &JobImage) -> Option<String> {
    let entrypoint = asked.entrypoint.iter().any(|word| !word.is_empty());
    let parts = [("entrypoint", entrypoint), ("user", asked.docker_user.is_some())];
    let parts: Vec<_> =
        parts.into_iter().filter_map(|(name, asked)| asked.then_some(name)).collect();
    (!parts.is_empty()).then(|| {
        format!("Not used on this machine of the job's image {}: {}", asked.shown, parts.join(", "))
    })
}

/// Where the job and its cache are to be; `None` for a job that has no image here.
///
/// # Errors
/// As [`choose`].
pub(super) fn directories(
    settings: &Settings,
    get: Lookup<'_>,
) -> Result<Option<[&'static str; 2]>> {
    if !are_there(settings) {
        return Ok(None);
    }
    let choice = choose(settings, &JobRequest::from_env(get)?)?;
    Ok(choice.image.map(|_| DIRECTORIES))
}

/// Checks the operator's patterns.
///
/// # Errors
/// `InvalidConfig` for a malformed one.
pub(super) fn check(settings: &Settings) -> Result<()> {
    patterns(settings).map(drop)
}

/// The entry with exactly this name, else the longest pattern that matches.
fn entry(settings: &Settings, name: &str) -> Result<Option<String>> {
    if settings.text_map(keys::LOCAL_IMAGES).contains_key(name) {
        return Ok(Some(name.to_owned()));
    }
    Ok(patterns(settings)?.matching(name).map(str::to_owned))
}

fn patterns(settings: &Settings) -> Result<Patterns> {
    let mut texts: Vec<_> = settings.text_map(keys::LOCAL_IMAGES).into_keys().collect();
    texts.sort_by_key(|text| Reverse(text.len()));
    Patterns::new(keys::LOCAL_IMAGES, &texts, Star::OnePart)
}

#[cfg(test)]
mod tests {
    use fargate_core::ErrorKind;
    use serde_json::json;

    use super::*;
    use crate::config::{Origin, Value};
    use crate::driver::testing::request;

    fn settings(entries: &[&str]) -> Settings {
        let mut settings = Settings::default();
        let map = entries.iter().map(|&entry| (entry.to_owned(), "/image".to_owned())).collect();
        settings.set(keys::LOCAL_IMAGES, Value::TextMap(map), Origin::Line(1));
        settings
    }

    #[test]
    fn an_exact_name_comes_before_every_pattern_and_the_longest_of_those_before_others() {
        let settings = settings(&["alpine:3", "alpine:*", "alpine:3.*", "**", "r.example.com/**"]);
        for (name, expected) in [
            ("alpine:3", "alpine:3"),
            ("alpine:3.20", "alpine:3.*"),
            ("alpine:edge", "alpine:*"),
            ("r.example.com/a/b:1", "r.example.com/**"),
            ("debian", "**"),
        ] {
            assert_eq!(entry(&settings, name).unwrap().as_deref(), Some(expected), "{name}");
        }
    }

    #[test]
    fn a_job_gets_the_operators_name_and_is_told_what_is_not_used() {
        let mut settings = settings(&["alpine:*"]);
        assert!(!are_there(&settings), "another backend's");
        settings.set(keys::BACKEND, Value::Text("local".to_owned()), Origin::Line(1));
        assert!(are_there(&settings));
        let choose = |image: &serde_json::Value| {
            choose(&settings, &request(&json!({"id": 7, "image": image}))).unwrap()
        };
        let choice = choose(&json!({"name": "alpine:3", "entrypoint": ["/init"],
            "executor_opts": {"docker": {"user": "ci"}}}));
        assert_eq!(choice.image, Some(TaskImage::new("alpine:*")));
        assert_eq!(choice.shown.as_deref(), Some("alpine:3"));
        let note = choice.note.unwrap();
        assert!(note.contains("alpine:3: entrypoint, user"), "{note}");
        assert_eq!(choose(&json!({"name": "alpine:3", "entrypoint": [""]})).note, None);
        assert_eq!(choose(&json!(null)), Choice::default());
        let ignored = choose(&json!({"name": "evil/alpine:3"}));
        assert!(ignored.image.is_none() && ignored.note.unwrap().contains("evil/alpine:3"));
    }

    #[test]
    fn an_image_without_an_entry_has_none_and_what_is_no_pattern_is_named() {
        assert_eq!(entry(&Settings::default(), "alpine").unwrap(), None);
        assert_eq!(entry(&settings(&["alpine:*"]), "evil/alpine:3").unwrap(), None);
        let error = check(&settings(&["alpine", "["])).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
        assert!(error.message().contains("Local.Images"), "{error}");
    }
}
