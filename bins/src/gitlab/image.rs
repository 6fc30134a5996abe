use std::fmt;
use std::path::Path;

use fargate_core::{Error, ErrorKind, Result};
use serde_json::Value;

use super::response::{ImageResponse, OP, read};
use super::variables::Variables;
use crate::environment::{Lookup, text};

/// How much of a name is shown.
const SHOWN: usize = 200;

/// What a job says after `image:`. All of it is the author's, and nothing of it is checked.
#[derive(Clone, PartialEq, Eq)]
pub struct JobImage {
    /// The name, its variables expanded.
    pub name: String,
    /// What the job wants to run in place of the image's own entry point; empty where it does not
    /// say.
    pub entrypoint: Vec<String>,
    /// The pull policies in GitLab's words, in the order they are to be tried.
    pub pull_policies: Vec<String>,
    /// The name as it may be shown.
    pub shown: String,
}

impl fmt::Debug for JobImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobImage").field("name", &self.shown).finish_non_exhaustive()
    }
}

impl JobImage {
    /// The job's image; `None` for a job that names none.
    ///
    /// As for the job itself, `JOB_RESPONSE_FILE` is the source, and variables count only for a
    /// runner that writes no such file; that one tells the name alone, and has expanded it.
    ///
    /// # Errors
    /// `InvalidConfig` when the response cannot be read or says something of another form.
    pub fn from_env(get: Lookup<'_>) -> Result<Option<Self>> {
        match get("JOB_RESPONSE_FILE") {
            Some(path) => Self::from_response(&read(Path::new(&path))?),
            None => Ok(text(get, "CUSTOM_ENV_CI_JOB_IMAGE")
                .filter(|name| !name.is_empty())
                .map(|name| Self::new(name, &[]))),
        }
    }

    fn new(name: String, masked: &[String]) -> Self {
        let shown = shown(&name, masked);
        Self { name, entrypoint: Vec::new(), pull_policies: Vec::new(), shown }
    }

    /// The fields are those of type `Image` in GitLab Runner's `common/spec/spec.go`.
    fn from_response(response: &ImageResponse) -> Result<Option<Self>> {
        let image = &response.image;
        if !(image.is_null() || image.is_object()) {
            return Err(odd("image", "an object"));
        }
        let written = match &image["name"] {
            Value::Null => return Ok(None),
            Value::String(name) if name.is_empty() => return Ok(None),
            Value::String(name) => name,
            _ => return Err(odd("image.name", "a text")),
        };
        let variables = Variables::read(&response.variables);
        // Runners of today have expanded the name before they write it (`expandContainerOptions`
        // in `common/build.go`), and then there is nothing left to do; older ones have not.
        let mut job = Self::new(variables.expand(written), &variables.masked());
        job.entrypoint = texts(&image["entrypoint"])
            .ok_or_else(|| odd("image.entrypoint", "a list of texts"))?;
        job.pull_policies = match &image["pull_policy"] {
            Value::String(word) => vec![word.clone()],
            list => texts(list).ok_or_else(|| odd("image.pull_policy", "a list of texts"))?,
        };
        Ok(Some(job))
    }
}

fn texts(list: &Value) -> Option<Vec<String>> {
    match list {
        Value::Null => Some(Vec::new()),
        Value::Array(list) => list.iter().map(|one| one.as_str().map(str::to_owned)).collect(),
        _ => None,
    }
}

/// The value is not quoted: it may hold a secret.
fn odd(field: &str, expected: &str) -> Error {
    Error::new(ErrorKind::InvalidConfig, OP, format!("{field} is not {expected}"))
        .hint("GitLab sends it: compare the versions of GitLab and GitLab Runner")
}

/// `name` on one line, of bearable length, without what GitLab masks.
fn shown(name: &str, masked: &[String]) -> String {
    let mut text = name.to_owned();
    for value in masked {
        text = text.replace(value, "[MASKED]");
    }
    let mut line = String::new();
    for (at, letter) in text.chars().enumerate() {
        if at == SHOWN {
            line.push('…');
            break;
        }
        if letter.is_control() { line.extend(letter.escape_default()) } else { line.push(letter) }
    }
    line
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read_from(response: &Value) -> Result<Option<JobImage>> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), response.to_string()).unwrap();
        JobImage::from_env(&|name| match name {
            "JOB_RESPONSE_FILE" => Some(file.path().into()),
            // An author can set this one.
            "CUSTOM_ENV_CI_JOB_IMAGE" => Some("of-a-variable".into()),
            _ => None,
        })
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
            JobImage::from_env(&|name| (name == "CUSTOM_ENV_CI_JOB_IMAGE").then(|| value.into()))
        };
        assert_eq!(of("alpine:$3").unwrap().unwrap().name, "alpine:$3", "expanded already");
        assert_eq!(of("").unwrap(), None);
        assert_eq!(JobImage::from_env(&|_| None).unwrap(), None);
    }
}
