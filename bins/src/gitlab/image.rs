use std::fmt;

use fargate_core::Result;
use serde_json::Value;

use super::request::{JobRequest, odd, texts};

/// What a job says of an image: its own, or a service's. All of it is the author's, and nothing of
/// it is checked.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct JobImage {
    /// The name, its variables expanded.
    pub name: String,
    /// What the job wants to run in place of the image's own entry point; empty where it does not
    /// say.
    pub entrypoint: Vec<String>,
    /// The pull policies in GitLab's words, in the order they are to be tried.
    pub pull_policies: Vec<String>,
    /// `docker:platform`, such as `linux/arm64`.
    pub platform: Option<String>,
    /// `docker:user`.
    pub docker_user: Option<String>,
    /// `kubernetes:user`.
    pub kubernetes_user: Option<String>,
    /// The name as it may be shown.
    pub shown: String,
}

impl fmt::Debug for JobImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobImage").field("name", &self.shown).finish_non_exhaustive()
    }
}

impl JobImage {
    /// Reads what `field` of the response says; `None` where it names no image.
    ///
    /// The fields are those of type `Image` in GitLab Runner's `common/spec/spec.go`.
    ///
    /// # Errors
    /// `InvalidConfig` when something has another form.
    pub(super) fn read(request: &JobRequest, image: &Value, field: &str) -> Result<Option<Self>> {
        if !(image.is_null() || image.is_object()) {
            return Err(odd(field, "an object"));
        }
        let written = match &image["name"] {
            Value::Null => return Ok(None),
            Value::String(name) if name.is_empty() => return Ok(None),
            Value::String(name) => name,
            _ => return Err(odd(&format!("{field}.name"), "a text")),
        };
        let list = |name: &str| {
            let field = format!("{field}.{name}");
            texts(&image[name]).ok_or_else(|| odd(&field, "a list of texts"))
        };
        let option = |executor: &str, name: &str| match &image["executor_opts"][executor][name] {
            Value::Null => Ok(None),
            Value::String(text) => Ok(Some(request.expand(text)).filter(|text| !text.is_empty())),
            _ => Err(odd(&format!("{field}.executor_opts.{executor}.{name}"), "a text")),
        };
        let name = request.expand(written);
        Ok(Some(Self {
            shown: request.shown(&name),
            name,
            entrypoint: list("entrypoint")?,
            pull_policies: match &image["pull_policy"] {
                Value::String(word) => vec![word.clone()],
                _ => list("pull_policy")?,
            },
            platform: option("docker", "platform")?,
            docker_user: option("docker", "user")?,
            kubernetes_user: option("kubernetes", "user")?,
        }))
    }
}

#[cfg(test)]
mod tests {
    use fargate_core::ErrorKind;
    use serde_json::json;

    use super::*;

    fn read_from(response: &Value) -> Result<Option<JobImage>> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), response.to_string()).unwrap();
        JobRequest::from_env(&|name| match name {
            "JOB_RESPONSE_FILE" => Some(file.path().into()),
            // An author can set this one.
            "CUSTOM_ENV_CI_JOB_IMAGE" => Some("of-a-variable".into()),
            _ => None,
        })?
        .image()
    }

    fn image(image: &Value) -> Result<Option<JobImage>> {
        read_from(&json!({ "id": 7, "image": image }))
    }

    #[test]
    fn the_image_of_the_response_is_read_and_no_variable_takes_its_place() {
        let full = image(&json!({"name": "alpine:3", "entrypoint": ["/init", "-v"],
            "pull_policy": ["always", "if-not-present"], "command": null, "ports": [], "new": {}}))
        .unwrap()
        .unwrap();
        assert_eq!((full.name.as_str(), full.shown.as_str()), ("alpine:3", "alpine:3"));
        assert_eq!(full.entrypoint, ["/init", "-v"]);
        assert_eq!(full.pull_policies, ["always", "if-not-present"]);
        let plain = image(&json!({"name": "a", "entrypoint": null, "pull_policy": "never"}));
        let plain = plain.unwrap().unwrap();
        assert_eq!((plain.entrypoint.len(), plain.pull_policies), (0, vec!["never".to_owned()]));
    }

    #[test]
    fn what_is_for_one_executor_is_kept_apart() {
        let options = json!({"docker": {"platform": "linux/arm64", "user": "ci"},
            "kubernetes": {"user": "1000"}});
        let full = image(&json!({"name": "a", "executor_opts": options})).unwrap().unwrap();
        assert_eq!(full.platform.as_deref(), Some("linux/arm64"));
        assert_eq!(full.docker_user.as_deref(), Some("ci"));
        assert_eq!(full.kubernetes_user.as_deref(), Some("1000"));
        let none = json!({"name": "a", "executor_opts": {"docker": {"user": ""}}});
        assert_eq!(image(&none).unwrap().unwrap().docker_user, None);
    }

    #[test]
    fn a_job_without_an_image_has_none() {
        for none in [json!(null), json!({}), json!({"name": null}), json!({"name": ""})] {
            assert_eq!(image(&none).unwrap(), None, "{none}");
        }
        assert_eq!(read_from(&json!({"id": 7})).unwrap(), None);
    }

    #[test]
    fn what_has_another_form_is_named_and_not_quoted() {
        for (odd, field) in [
            (json!("hunter2"), "image is"),
            (json!(["hunter2"]), "image is"),
            (json!({"name": {"hunter2": 1}}), "image.name"),
            (json!({"name": 7}), "image.name"),
            (json!({"name": "a", "entrypoint": "hunter2"}), "image.entrypoint"),
            (json!({"name": "a", "entrypoint": ["hunter2", 7]}), "image.entrypoint"),
            (json!({"name": "a", "pull_policy": {"hunter2": 1}}), "image.pull_policy"),
            (json!({"name": "a", "executor_opts": {"docker": {"user": 7}}}), "docker.user"),
        ] {
            let error = image(&odd).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidConfig);
            assert!(error.message().contains(field), "{error}");
            assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
        }
    }

    #[test]
    fn variables_are_expanded_and_masked_ones_not_shown() {
        let job = read_from(&json!({
            "image": {"name": "$CI_REGISTRY/$NAME:${TAG}"},
            "variables": [
                {"key": "CI_REGISTRY", "value": "registry.example.com", "public": true},
                {"key": "NAME", "value": "hunter2", "masked": true},
                {"key": "TAG", "value": "$MAJOR.1"},
                {"key": "MAJOR", "value": "4"},
            ],
        }));
        let job = job.unwrap().unwrap();
        assert_eq!(job.name, "registry.example.com/hunter2:4.1");
        assert_eq!(job.shown, "registry.example.com/[MASKED]:4.1");
        let expanded = read_from(&json!({
            "image": {"name": "registry.example.com/hunter2:4.1"},
            "variables": [{"key": "NAME", "value": "hunter2", "masked": true}],
        }));
        assert_eq!(expanded.unwrap().unwrap(), job, "expanded by the runner");
    }

    #[test]
    fn what_is_shown_is_one_line_of_bearable_length() {
        let job = image(&json!({"name": format!("a\n\u{1b}[31m{}", "x".repeat(5000))}));
        let shown = job.unwrap().unwrap().shown;
        assert!(shown.starts_with("a\\n\\u{1b}[31mxxx") && shown.ends_with("x…"), "{shown}");
        assert!(shown.len() < 250);
    }

    #[test]
    fn an_old_runner_tells_the_name_in_a_variable() {
        let of = |value: &'static str| {
            JobRequest::from_env(&|name| (name == "CUSTOM_ENV_CI_JOB_IMAGE").then(|| value.into()))?
                .image()
        };
        assert_eq!(of("alpine:$3").unwrap().unwrap().name, "alpine:$3", "expanded already");
        assert_eq!(of("").unwrap(), None);
        assert_eq!(JobRequest::from_env(&|_| None).unwrap().image().unwrap(), None);
    }
}
