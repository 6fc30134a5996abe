//! Which image a job runs in, where the backend can choose one.

use fargate_core::{Error, ErrorKind, Result, TaskImage};

use super::local_image;
use super::patterns::Patterns;
use super::policy::{Policy, Ruling, Said};
use super::refusal::Refusal;
use super::task_image::{OP, check_name, task_image};
use crate::backends::{self, ImageKeys};
use crate::config::Settings;
use crate::gitlab::{JobImage, JobRequest};

/// How errors call it.
const WHAT: &str = "the job's image";

/// What a job runs in.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Choice {
    /// The job's image, where that is used; `None` is the operator's.
    pub(super) image: Option<TaskImage>,
    /// The image as it may be shown, where the backend can choose one.
    pub(super) shown: Option<String>,
    /// What let the job have its image.
    pub(super) ruling: Option<Ruling>,
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
pub(super) fn choose(
    settings: &Settings,
    policy: &Policy<'_>,
    request: &JobRequest,
) -> Result<Choice, Refusal> {
    if local_image::are_there(settings) {
        return local_image::choose(settings, request);
    }
    let Some(keys) = backends::image_keys(settings) else {
        return Ok(as_it_is(settings, request));
    };
    let default = keys.default.and_then(|key| settings.text(key));
    let Some(allowed) = policy.patterns(keys.allowed)? else {
        // Whatever form it has, it is not used.
        let asked = request.image().ok().flatten();
        return Ok(operators(default, asked.as_ref(), keys));
    };
    let Some(asked) = request.image()? else {
        // Without a key for it, the task definition has one.
        if default.is_none() && keys.default.is_some() {
            return Err(Refusal::Author(none_at_all()));
        }
        return Ok(operators(default, None, keys));
    };
    check_name(&asked, WHAT)?;
    let pattern = allowed.value.matching(&asked.name).map(str::to_owned);
    let ruling = match (pattern, keys.default.filter(|_| default == Some(&asked.name))) {
        (Some(pattern), _) => Ruling { by: allowed.by, allowed: Some(pattern) },
        (None, Some(key)) => Ruling { by: key.to_owned(), allowed: None },
        (None, None) => return Err(Refusal::Author(not_allowed(&asked, &allowed, default))),
    };
    let image = task_image(settings, &asked, WHAT)?;
    Ok(Choice { image: Some(image), shown: Some(asked.shown), ruling: Some(ruling), note: None })
}

/// Tasks are as they are; where somebody could think otherwise, a note says so.
fn as_it_is(settings: &Settings, request: &JobRequest) -> Choice {
    let asked = || request.image().ok().flatten();
    let note = backends::no_images(settings).and_then(|why| {
        asked().map(|asked| format!("The job's image {} is not used: {why}", asked.shown))
    });
    Choice { note, ..Choice::default() }
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
    Choice { shown: default.map(ToOwned::to_owned), note, ..Choice::default() }
}

fn not_allowed(asked: &JobImage, allowed: &Said<Patterns>, default: Option<&str>) -> Error {
    let also = default.map(|default| format!(", {default}")).unwrap_or_default();
    Error::new(
        ErrorKind::PermissionDenied,
        OP,
        format!("the job asks for the image {}, which is not allowed", asked.shown),
    )
    .with("allowed", allowed.value.list() + &also)
    .with("rule", &allowed.by)
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
