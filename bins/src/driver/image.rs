//! Which image a job runs in, where the backend can choose one.

use fargate_core::{Error, ErrorKind, PullPolicy, Result, TaskImage};

use super::image_name;
use super::patterns::{Patterns, Star};
use super::refusal::Refusal;
use crate::backends::{self, ImageKeys};
use crate::config::Settings;
use crate::environment::Lookup;
use crate::gitlab::JobImage;

const OP: &str = "choose the image";
/// An entry point larger than this fits neither the job's record nor a pod.
const MAX_ENTRYPOINT: usize = 64 << 10;

/// What a job runs in.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Choice {
    /// The job's image, where that is used; `None` is the operator's.
    pub(super) image: Option<TaskImage>,
    /// The image as it may be shown, where the backend can choose one.
    pub(super) shown: Option<String>,
    /// What the job's author should know.
    pub(super) note: Option<String>,
}

/// Chooses between the job's image and the operator's.
///
/// Without `AllowedImages` the job's is not used, and a note says so. With it the job's is used if
/// a pattern matches or it is `DefaultImage` itself.
///
/// # Errors
/// The author's: an image that is not allowed, that is no image's name, or none where the operator
/// has none either. Others: `InvalidConfig` for a malformed pattern or job response.
pub(super) fn choose(settings: &Settings, get: Lookup<'_>) -> Result<Choice, Refusal> {
    let Some(keys) = backends::image_keys(settings) else { return Ok(Choice::default()) };
    let default = keys.default.and_then(|key| settings.text(key));
    let Some(allowed) = Patterns::read(settings, keys.allowed, Star::OnePart)? else {
        // Whatever form it has, it is not used.
        let asked = JobImage::from_env(get).ok().flatten();
        return Ok(operators(default, asked.as_ref(), keys));
    };
    let Some(asked) = JobImage::from_env(get)? else {
        // Without a key for it, the task definition has one.
        if default.is_none() && keys.default.is_some() {
            return Err(Refusal::Author(none_at_all()));
        }
        return Ok(operators(default, None, keys));
    };
    if let Some(why) = image_name::why_not(&asked.name) {
        return Err(Refusal::Author(no_name(&asked, why)));
    }
    if default != Some(&asked.name) && !allowed.allow(&asked.name) {
        return Err(Refusal::Author(not_allowed(&asked, &allowed, default)));
    }
    let image = with_all(&asked).map_err(Refusal::Author)?;
    Ok(Choice { image: Some(image), shown: Some(asked.shown), note: None })
}

/// Checks the operator's patterns.
///
/// # Errors
/// `InvalidConfig` for a malformed one.
pub(super) fn check(settings: &Settings) -> Result<()> {
    let Some(keys) = backends::image_keys(settings) else { return Ok(()) };
    Patterns::read(settings, keys.allowed, Star::OnePart).map(drop)
}

/// The operator's image, and that the job's is not used if that makes a difference.
fn operators(default: Option<&str>, asked: Option<&JobImage>, keys: ImageKeys) -> Choice {
    let differs =
        |asked: &&JobImage| default != Some(asked.name.as_str()) || !asked.entrypoint.is_empty();
    let note = asked.filter(differs).map(|asked| {
        format!(
            "The job's image {} is not used: {} is not set; the job runs in {}",
            asked.shown,
            keys.allowed,
            default.unwrap_or("the task definition's image")
        )
    });
    Choice { image: None, shown: default.map(ToOwned::to_owned), note }
}

/// The job's image with its entry point and pull policy.
fn with_all(asked: &JobImage) -> Result<TaskImage> {
    let wrong = |why: String| {
        Error::new(ErrorKind::InvalidConfig, OP, format!("the job's image {}: {why}", asked.shown))
    };
    let mut image = TaskImage::new(&asked.name);
    let length: usize = asked.entrypoint.iter().map(String::len).sum();
    if length > MAX_ENTRYPOINT || asked.entrypoint.iter().any(|word| word.contains('\0')) {
        return Err(wrong("its entrypoint is longer than 64 KiB, or has a zero byte".to_owned())
            .hint("put what it does into a script of the image"));
    }
    // GitLab's way to say that there is none is a list with one empty text.
    let none = asked.entrypoint.iter().all(String::is_empty);
    if !none && asked.entrypoint.first().is_some_and(String::is_empty) {
        return Err(wrong("its entrypoint begins with an empty text".to_owned())
            .hint("begin it with a program, or write entrypoint: [\"\"] for none"));
    }
    image.entrypoint.clone_from(&asked.entrypoint);
    if none {
        image.entrypoint.truncate(1);
    }
    let policies: Result<Vec<_>> = asked
        .pull_policies
        .iter()
        .map(|word| match word.as_str() {
            "always" => Ok(PullPolicy::Always),
            "if-not-present" => Ok(PullPolicy::IfNotPresent),
            "never" => Ok(PullPolicy::Never),
            other => Err(wrong(format!("{other:?} is no pull policy"))
                .hint("use always, if-not-present or never")),
        })
        .collect();
    // A pod has one: the first is the one that GitLab would try first.
    image.pull_policy = policies?.first().copied();
    Ok(image)
}

fn no_name(asked: &JobImage, why: &str) -> Error {
    Error::new(
        ErrorKind::InvalidConfig,
        OP,
        format!("the job's image {} is no image's name: {why}", asked.shown),
    )
    .hint("write it like registry.example.com/group/name:tag; check the variables in it")
}

fn not_allowed(asked: &JobImage, allowed: &Patterns, default: Option<&str>) -> Error {
    let also = default.map(|default| format!(", {default}")).unwrap_or_default();
    Error::new(
        ErrorKind::PermissionDenied,
        OP,
        format!("the job asks for the image {}, which is not allowed", asked.shown),
    )
    .with("allowed", allowed.list() + &also)
    .hint("choose an allowed one, or ask the runner's operator to extend AllowedImages")
}

fn none_at_all() -> Error {
    Error::new(
        ErrorKind::InvalidConfig,
        OP,
        "the job names no image, and the runner has none for such jobs",
    )
    .hint("add image: to the job, or ask the runner's operator to set DefaultImage")
}

#[cfg(test)]
mod tests;
