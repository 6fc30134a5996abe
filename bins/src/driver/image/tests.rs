use fargate_core::PullPolicy;
use serde_json::{Value as Json, json};

use super::*;
use crate::config::{Origin, Value, keys};
use crate::driver::testing::{authors, request};

const DEFAULT: &str = "registry.example.com/ci:7";

/// What is chosen for a job with this `image:` by an operator with these settings.
fn chosen(
    default: Option<&str>,
    allowed: Option<&[&str]>,
    image: &Json,
) -> Result<Choice, Refusal> {
    let mut settings = Settings::default();
    settings.set(keys::BACKEND, Value::Text("eks".into()), Origin::Line(1));
    if let Some(default) = default {
        settings.set(keys::EKS_DEFAULT_IMAGE, Value::Text(default.into()), Origin::Line(2));
    }
    if let Some(allowed) = allowed {
        let allowed = allowed.iter().map(|&text| text.to_owned()).collect();
        settings.set(keys::EKS_ALLOWED_IMAGES, Value::Texts(allowed), Origin::Line(3));
    }
    of_job(&settings, image)
}

fn of_job(settings: &Settings, image: &Json) -> Result<Choice, Refusal> {
    let request = request(&json!({ "id": 7, "image": image }));
    choose(settings, &Policy::of(settings, request.source())?, &request)
}

fn allowed_by(patterns: &[&str], image: &Json) -> Result<Choice, Refusal> {
    chosen(Some(DEFAULT), Some(patterns), image)
}

#[test]
fn without_a_rule_the_jobs_image_is_not_used_and_the_author_is_told() {
    let choice = chosen(Some(DEFAULT), None, &json!({"name": "alpine:3"})).unwrap();
    assert_eq!((choice.image, choice.shown.as_deref()), (None, Some(DEFAULT)));
    assert_eq!(
        choice.note.as_deref(),
        Some(
            "The job's image alpine:3 is not used: EKS.AllowedImages is not set; the job runs in \
             registry.example.com/ci:7"
        )
    );
    // Nothing of it is looked at.
    for odd in [json!({"name": 7}), json!("text"), json!({"name": ""}), json!(null)] {
        let choice = chosen(Some(DEFAULT), None, &odd).unwrap();
        assert_eq!((choice.image, choice.note), (None, None), "{odd}");
    }
    let bad = chosen(Some(DEFAULT), None, &json!({"name": "no name"})).unwrap();
    assert!(bad.note.is_some_and(|note| note.contains("no name")));
}

#[test]
fn without_a_rule_the_default_image_by_its_name_is_nothing_to_tell_of() {
    let same = chosen(Some(DEFAULT), None, &json!({"name": DEFAULT})).unwrap();
    assert_eq!((same.image, same.note), (None, None));
    let entered = json!({"name": DEFAULT, "entrypoint": ["/x"]});
    let entered = chosen(Some(DEFAULT), None, &entered).unwrap();
    assert!(entered.image.is_none() && entered.note.is_some());
}

#[test]
fn an_allowed_image_is_used_with_all_that_belongs_to_it() {
    let asked = json!({"name": "alpine:3", "entrypoint": ["/init", ""],
        "pull_policy": ["always", "never"]});
    let choice = allowed_by(&["alpine:*"], &asked).unwrap();
    let image = TaskImage::new("alpine:3").entrypoint(["/init", ""]);
    assert_eq!(choice.image, Some(image.pull_policy(PullPolicy::Always)));
    assert_eq!((choice.shown.as_deref(), choice.note), (Some("alpine:3"), None));
    let plain = chosen(None, Some(&["alpine:*"]), &json!({"name": "alpine:3"})).unwrap();
    assert_eq!(plain.image, Some(TaskImage::new("alpine:3")));
}

#[test]
fn a_job_without_an_image_runs_in_the_default_one() {
    let choice = allowed_by(&["alpine:*"], &json!(null)).unwrap();
    assert_eq!((choice.image, choice.shown.as_deref()), (None, Some(DEFAULT)));
    let error = authors(chosen(None, Some(&["alpine:*"]), &json!({"name": ""})));
    assert!(error.message().contains("names no image"), "{error}");
    assert!(error.advice().is_some_and(|hint| hint.contains("DefaultImage")));
}

#[test]
fn the_default_image_is_always_allowed() {
    for patterns in [&["alpine:*"][..], &[]] {
        let choice = allowed_by(patterns, &json!({"name": DEFAULT})).unwrap();
        assert_eq!(choice.image, Some(TaskImage::new(DEFAULT)));
        let error = authors(allowed_by(patterns, &json!({"name": "evil"})));
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    }
}

#[test]
fn an_image_that_is_not_allowed_is_refused_with_the_rule() {
    let error = authors(allowed_by(&["alpine:*", "r.example.com/**"], &json!({"name": "evil"})));
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    assert!(error.message().contains("evil"), "{error}");
    let rule = "alpine:*, r.example.com/**, registry.example.com/ci:7";
    assert_eq!(error.context_value("allowed"), Some(rule));
    assert!(error.advice().is_some_and(|hint| hint.contains("AllowedImages")));
    assert!(authors(chosen(None, Some(&[]), &json!({"name": "a"}))).to_string().contains("a"));
}

#[test]
fn what_is_no_images_name_is_the_authors_error_whatever_is_allowed() {
    for bad in ["a b", "-a", "A", "a\nb", "$IMAGE", "a:b:c", "r.example.com/../a"] {
        let error = authors(allowed_by(&["**"], &json!({"name": bad})));
        assert!(error.message().contains("no image's name"), "{error}");
        assert!(!error.message().contains('\n') && error.advice().is_some());
    }
}

#[test]
fn an_entry_point_of_one_empty_text_is_none() {
    let used = |entrypoint: Json| {
        allowed_by(&["**"], &json!({"name": "a", "entrypoint": entrypoint}))
            .map(|choice| choice.image.unwrap().entrypoint)
    };
    for own in [json!([]), json!(null)] {
        assert_eq!(used(own).unwrap(), Vec::<String>::new());
    }
    for none in [json!([""]), json!(["", ""])] {
        assert_eq!(used(none).unwrap(), [""]);
    }
    assert_eq!(used(json!(["sh", "-c", ""])).unwrap(), ["sh", "-c", ""]);
    for bad in [json!(["", "sh"]), json!(["a\u{0}"]), json!(["x".repeat((64 << 10) + 1)])] {
        let Err(Refusal::Author(error)) = used(bad) else { panic!("it was taken") };
        assert!(error.message().contains("entrypoint"), "{error}");
    }
}

#[test]
fn the_first_pull_policy_counts_and_an_unknown_one_is_the_authors_error() {
    let used = |policy: Json| allowed_by(&["**"], &json!({"name": "a", "pull_policy": policy}));
    for (written, meant) in [
        (json!("always"), Some(PullPolicy::Always)),
        (json!("if-not-present"), Some(PullPolicy::IfNotPresent)),
        (json!(["never", "always"]), Some(PullPolicy::Never)),
        (json!([]), None),
        (json!(null), None),
    ] {
        assert_eq!(used(written).unwrap().image.unwrap().pull_policy, meant);
    }
    for bad in [json!("Always"), json!(["always", "sometimes"]), json!("")] {
        assert!(authors(used(bad)).message().contains("pull policy"));
    }
}

#[test]
fn another_form_is_nobodys_choice_and_a_bad_pattern_the_operators() {
    for odd in [json!({"name": 7}), json!("a"), json!({"name": "a", "entrypoint": "x"})] {
        assert!(matches!(allowed_by(&["**"], &odd), Err(Refusal::Other(_))), "{odd}");
    }
    let bad = allowed_by(&["["], &json!({"name": "a"}));
    assert!(matches!(bad, Err(Refusal::Other(error)) if error.message().contains("AllowedImages")));
}

#[test]
fn a_backend_with_fixed_images_is_asked_nothing() {
    for backend in ["ecs", "local"] {
        let mut settings = Settings::default();
        settings.set(keys::BACKEND, Value::Text(backend.into()), Origin::Line(1));
        assert_eq!(of_job(&settings, &json!({"name": 7})).unwrap(), Choice::default());
    }
}

#[test]
fn a_job_on_this_machine_is_told_that_its_image_is_not_used() {
    for (config, why) in [
        ("Backend = 'local'\n", "tasks on this machine have none"),
        ("[Fargate]\nAgentImage = 'a'\nMode = 'sshd'\n", "Fargate.Mode is \"sshd\""),
    ] {
        let settings = crate::driver::testing::settings(config);
        let choice = of_job(&settings, &json!({"name": "alpine:3"})).unwrap();
        let note = format!("The job's image alpine:3 is not used: {why}");
        assert_eq!((choice.image, choice.note), (None, Some(note)));
    }
}
