use std::fmt;
use std::path::Path;

use fargate_core::{Error, ErrorKind, Result};
use serde_json::{Value, json};

use super::response::{OP, RequestResponse, read};
use super::variables::Variables;
use super::{JobImage, JobService};
use crate::environment::{Lookup, text};
use crate::one_line::one_line;

/// How much of a text is shown.
const SHOWN: usize = 200;

/// The variables by which a job's author asks for something of this driver.
const ASKING: [&str; 5] = [
    "FARGATE_CPU",
    "FARGATE_MEMORY",
    "FARGATE_EPHEMERAL_STORAGE",
    "FARGATE_CAPACITY",
    "FARGATE_TASK_ROLE",
];

/// What a job asks for, and where it comes from.
///
/// What it asks for is the author's, and nothing of it is checked. Where it comes from is GitLab's
/// word.
pub struct JobRequest {
    image: Value,
    services: Value,
    variables: Variables,
    /// The runner has expanded the names already.
    expanded: bool,
    source: JobSource,
}

/// Where a job comes from, as GitLab says; `None` where it does not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobSource {
    /// The full path of its project, such as `group/app`.
    pub project: Option<String>,
    /// The branch or tag.
    pub git_ref: Option<String>,
    /// Whether that is a protected one.
    pub protected: Option<bool>,
}

impl fmt::Debug for JobRequest {
    /// The rest may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobRequest").field("source", &self.source).finish_non_exhaustive()
    }
}

impl JobRequest {
    /// Reads the request of this job.
    ///
    /// As for the job itself, `JOB_RESPONSE_FILE` is the source, and variables count only for a
    /// runner that writes no such file; that one tells names alone, and has expanded them, and
    /// nobody's word is known there for where the job comes from.
    ///
    /// # Errors
    /// `InvalidConfig` when the response cannot be read.
    pub fn from_env(get: Lookup<'_>) -> Result<Self> {
        match get("JOB_RESPONSE_FILE") {
            Some(path) => Self::from_file(Path::new(&path)),
            None => Ok(Self::from_variables(get)),
        }
    }

    /// Reads the request of the job with the response at `path`.
    ///
    /// # Errors
    /// `InvalidConfig` when it cannot be read.
    pub fn from_file(path: &Path) -> Result<Self> {
        let response: RequestResponse = read(path)?;
        let text =
            |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        let source = JobSource {
            project: text(&response.job_info["project_full_path"]),
            git_ref: text(&response.git_info["ref"]),
            protected: response.git_info["protected"].as_bool(),
        };
        Ok(Self {
            variables: Variables::read(&response.variables),
            image: response.image,
            services: response.services,
            expanded: false,
            source,
        })
    }

    fn from_variables(get: Lookup<'_>) -> Self {
        let variable =
            |name: &str| text(get, &format!("CUSTOM_ENV_{name}")).filter(|value| !value.is_empty());
        let image = variable("CI_JOB_IMAGE").map_or(Value::Null, |name| json!({ "name": name }));
        let services = variable("CI_JOB_SERVICES");
        let services = services.and_then(|list| serde_json::from_str(&list).ok());
        let asked = ASKING.into_iter().filter_map(|name| Some((name, variable(name)?)));
        let asked = asked.map(|(name, value)| json!({"key": name, "value": value, "raw": true}));
        Self {
            image,
            services: services.unwrap_or_default(),
            variables: Variables::read(&asked.collect()),
            expanded: true,
            source: JobSource::default(),
        }
    }

    /// The job's image; `None` for a job that names none.
    ///
    /// # Errors
    /// `InvalidConfig` when it has another form than GitLab's.
    pub fn image(&self) -> Result<Option<JobImage>> {
        JobImage::read(self, &self.image, "image")
    }

    /// The job's services, in its order.
    ///
    /// # Errors
    /// `InvalidConfig` when they have another form than GitLab's.
    pub fn services(&self) -> Result<Vec<JobService>> {
        match &self.services {
            Value::Null => Ok(Vec::new()),
            Value::Array(list) => {
                let each = list.iter().enumerate();
                each.map(|(at, one)| JobService::read(self, one, &format!("services[{at}]")))
                    .collect()
            }
            _ => Err(odd("services", "a list")),
        }
    }

    /// What the job's author says with this variable; `None` where nothing is said.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name)
    }

    /// Where the job comes from.
    #[must_use]
    pub fn source(&self) -> &JobSource {
        &self.source
    }

    /// `text` on one line, of bearable length, without what GitLab masks.
    #[must_use]
    pub fn shown(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for value in self.variables.masked() {
            text = text.replace(&value, "[MASKED]");
        }
        one_line(&text, SHOWN)
    }

    /// `text` with its variables replaced. Runners of today have done so before they write the
    /// response (`expandContainerOptions` in `common/build.go`), and then there is nothing left to
    /// do; older ones have not.
    pub(super) fn expand(&self, text: &str) -> String {
        if self.expanded { text.to_owned() } else { self.variables.expand(text) }
    }

    pub(super) fn variables(&self) -> &Variables {
        &self.variables
    }
}

/// The texts of a list; `None` if it is none of texts.
pub(super) fn texts(list: &Value) -> Option<Vec<String>> {
    match list {
        Value::Null => Some(Vec::new()),
        Value::Array(list) => list.iter().map(|one| one.as_str().map(str::to_owned)).collect(),
        _ => None,
    }
}

/// The value is not quoted: it may hold a secret.
pub(super) fn odd(field: &str, expected: &str) -> Error {
    Error::new(ErrorKind::InvalidConfig, OP, format!("{field} is not {expected}"))
        .hint("GitLab sends it: compare the versions of GitLab and GitLab Runner")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_job_comes_from_is_gitlabs_word() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let response = json!({"id": 7, "job_info": {"project_full_path": "group/app"},
            "git_info": {"ref": "main", "protected": true},
            "variables": [{"key": "FARGATE_CPU", "value": "$SIZE"}, {"key": "SIZE", "value": "512"}]});
        std::fs::write(file.path(), response.to_string()).unwrap();
        let request = JobRequest::from_env(&|name| match name {
            "JOB_RESPONSE_FILE" => Some(file.path().into()),
            // An author can set these.
            "CUSTOM_ENV_CI_PROJECT_PATH" | "CUSTOM_ENV_CI_COMMIT_REF_NAME" => Some("evil".into()),
            "CUSTOM_ENV_FARGATE_MEMORY" => Some("1024".into()),
            _ => None,
        });
        let request = request.unwrap();
        assert_eq!(request.source().project.as_deref(), Some("group/app"));
        assert_eq!(request.source().git_ref.as_deref(), Some("main"));
        assert_eq!(request.source().protected, Some(true));
        assert_eq!(request.variable("FARGATE_CPU").as_deref(), Some("512"));
        assert_eq!(request.variable("FARGATE_MEMORY"), None);
    }

    #[test]
    fn an_old_runner_tells_what_is_asked_for_and_not_where_it_comes_from() {
        let request = JobRequest::from_env(&|name| match name {
            "CUSTOM_ENV_CI_JOB_SERVICES" => Some(r#"[{"name":"redis:$7","alias":""}]"#.into()),
            "CUSTOM_ENV_FARGATE_CPU" => Some("512".into()),
            "CUSTOM_ENV_CI_PROJECT_PATH" => Some("group/app".into()),
            _ => None,
        });
        let request = request.unwrap();
        assert_eq!(request.services().unwrap()[0].image.name, "redis:$7");
        assert_eq!(request.variable("FARGATE_CPU").as_deref(), Some("512"));
        assert_eq!(request.source(), &JobSource::default());
    }
}
