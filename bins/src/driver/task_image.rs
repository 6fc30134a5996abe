//! What a job says of an image, as a task has it.

use fargate_core::{Error, ErrorKind, PullPolicy, TaskImage};

use super::decision::ARM64;
use super::image_name;
use super::policy::pull_secret;
use super::refusal::Refusal;
use crate::backends::{self, Abilities};
use crate::config::Settings;
use crate::gitlab::JobImage;

/// Words larger than this together fit neither the job's record nor a pod.
const MAX_WORDS: usize = 64 << 10;
/// Docker has no limit; no user's name is nearly as long.
const MAX_USER: usize = 128;

/// The image `asked` for with its entry point, pull policy, platform, user and secret; `what` is
/// "the job's image", or a service's.
///
/// # Errors
/// The author's for what cannot be; another, `InvalidConfig`, for a malformed pattern.
pub(super) fn task_image(
    settings: &Settings,
    asked: &JobImage,
    what: &str,
) -> Result<TaskImage, Refusal> {
    let wrong = |why: &str, hint: &str| wrong(asked, what, why, hint);
    let mut image = TaskImage::new(&asked.name);
    if !fits(&asked.entrypoint) {
        return Err(wrong(
            "its entrypoint is longer than 64 KiB, or has a zero byte",
            "put what it does into a script of the image",
        ));
    }
    // GitLab's way to say that there is none is a list with one empty text.
    let none = asked.entrypoint.iter().all(String::is_empty);
    if !none && asked.entrypoint.first().is_some_and(String::is_empty) {
        return Err(wrong(
            "its entrypoint begins with an empty text",
            "begin it with a program, or write entrypoint: [\"\"] for none",
        ));
    }
    image.entrypoint.clone_from(&asked.entrypoint);
    if none {
        image.entrypoint.truncate(1);
    }
    let policies: Result<Vec<_>, _> = asked
        .pull_policies
        .iter()
        .map(|word| match word.as_str() {
            "always" => Ok(PullPolicy::Always),
            "if-not-present" => Ok(PullPolicy::IfNotPresent),
            "never" => Ok(PullPolicy::Never),
            other => Err(wrong(
                &format!("{other:?} is no pull policy"),
                "use always, if-not-present or never",
            )),
        })
        .collect();
    // A pod has one: the first is the one that GitLab would try first.
    image.pull_policy = policies?.first().copied();
    if let Some(abilities) = backends::abilities(settings) {
        image.platform = platform(asked, &abilities).map_err(|(why, hint)| wrong(why, hint))?;
        image.user = user(asked, &abilities).map_err(|(why, hint)| wrong(why, hint))?;
    }
    image.pull_secret = pull_secret(settings, &image)?;
    Ok(image)
}

/// Whether `asked` has the name of an image.
///
/// # Errors
/// The author's if not.
pub(super) fn check_name(asked: &JobImage, what: &str) -> Result<(), Refusal> {
    let Some(why) = image_name::why_not(&asked.name) else { return Ok(()) };
    let message = format!("{what} {} is no image's name: {why}", asked.shown);
    Err(Refusal::Author(
        Error::new(ErrorKind::InvalidConfig, OP, message)
            .hint("write it like registry.example.com/group/name:tag; check the variables in it"),
    ))
}

/// Whether these words fit what a task is told.
pub(super) fn fits(words: &[String]) -> bool {
    let length: usize = words.iter().map(String::len).sum();
    length <= MAX_WORDS && !words.iter().any(|word| word.contains('\0'))
}

/// What an error of an image is about.
pub(super) const OP: &str = "choose the image";

fn wrong(asked: &JobImage, what: &str, why: &str, hint: &str) -> Refusal {
    let message = format!("{what} {}: {why}", asked.shown);
    Refusal::Author(Error::new(ErrorKind::InvalidConfig, OP, message).hint(hint.to_owned()))
}

/// Why something cannot be, and what to do about it.
type Wrong = (&'static str, &'static str);

/// The platform in the one spelling a task has for it.
fn platform(asked: &JobImage, abilities: &Abilities) -> Result<Option<String>, Wrong> {
    let Some(written) = asked.platform.as_deref() else { return Ok(None) };
    match written.strip_prefix("linux/").unwrap_or(written) {
        "amd64" | "x86_64" => Ok(Some("linux/amd64".to_owned())),
        "arm64" | "aarch64" | "arm64/v8" if abilities.arm64 => Ok(Some(ARM64.to_owned())),
        "arm64" | "aarch64" | "arm64/v8" => {
            Err(("Fargate has no arm64 for pods", "use linux/amd64, or leave docker:platform out"))
        }
        _ => Err(("its platform is neither linux/amd64 nor linux/arm64", "use one of the two")),
    }
}

/// The user for this backend. Where GitLab's kubernetes executor runs a pod, it goes by
/// `kubernetes:user` alone, and that is numbers.
fn user(asked: &JobImage, abilities: &Abilities) -> Result<Option<String>, Wrong> {
    let own = asked.kubernetes_user.as_ref();
    let user = if abilities.kubernetes { own } else { asked.docker_user.as_ref().or(own) };
    let Some(user) = user else { return Ok(None) };
    let part = |part: &str| match abilities.kubernetes {
        true => part.parse::<u32>().is_ok() && !part.starts_with('+'),
        false => {
            !part.is_empty()
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
        }
    };
    if user.len() <= MAX_USER && user.splitn(2, ':').all(part) {
        return Ok(Some(user.clone()));
    }
    Err(match abilities.kubernetes {
        true => ("its user is no number", "write kubernetes:user like 1000 or 1000:1000"),
        false => ("its user is no name or number", "write docker:user like ci, 1000 or 1000:1000"),
    })
}
