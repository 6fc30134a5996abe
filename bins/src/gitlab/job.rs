use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use fargate_core::job::JobId;
use fargate_core::{Error, ErrorKind, Result};

use super::response::{JobResponse, OP, read};
use crate::environment::{Lookup, text};

/// Which job this is, from data its author cannot change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Names the job's file, tasks and keys.
    pub id: JobId,
    /// For people and bills.
    pub labels: BTreeMap<String, String>,
    /// The job's own timeout, where the runner tells it.
    pub timeout: Option<Duration>,
}

impl Job {
    /// Reads the job from the environment.
    ///
    /// `JOB_RESPONSE_FILE` is the source. The `CUSTOM_ENV_*` variables, which a job's author can
    /// set, count only for a runner older than 14.1, which writes no such file.
    ///
    /// # Errors
    /// `InvalidConfig` when the file cannot be read or tells no job.
    pub fn from_env(get: Lookup<'_>) -> Result<Self> {
        match get("JOB_RESPONSE_FILE") {
            Some(path) => Self::from_response(Path::new(&path)),
            None => Self::from_variables(get),
        }
    }

    fn from_response(path: &Path) -> Result<Self> {
        let response: JobResponse = read(path)?;
        let server = response.git_info.repo_url.as_deref().map(without_credentials);
        let project = response.job_info.project_id.map(|id| id.to_string());
        let job = response.id.to_string();
        let id = JobId::from_fields(&[
            "response",
            server.unwrap_or_default(),
            project.as_deref().unwrap_or_default(),
            &job,
        ]);
        let mut labels = BTreeMap::from([("gitlab:job-id".to_owned(), job)]);
        let info = response.job_info;
        let project_path = info.project_full_path.or(info.project_name);
        let optional = [
            ("gitlab:project-id", project),
            ("gitlab:project", project_path),
            ("gitlab:job-name", info.name),
            ("gitlab:pipeline-id", info.pipeline_id.map(|id| id.to_string())),
        ];
        for (name, value) in optional {
            labels.extend(value.map(|value| (name.to_owned(), value)));
        }
        let timeout = response.runner_info.timeout.map(Duration::from_secs);
        Ok(Self { id, labels, timeout })
    }

    fn from_variables(get: Lookup<'_>) -> Result<Self> {
        let variable = |name: &str| text(get, &format!("CUSTOM_ENV_{name}")).unwrap_or_default();
        let job = variable("CI_JOB_ID");
        if job.is_empty() {
            return Err(Error::new(
                ErrorKind::InvalidConfig,
                OP,
                "neither JOB_RESPONSE_FILE nor CUSTOM_ENV_CI_JOB_ID is set",
            )
            .hint("GitLab Runner sets them; to run a script by hand use `fargate try SCRIPT`"));
        }
        let id = JobId::from_fields(&[
            "variables",
            &variable("CI_RUNNER_SHORT_TOKEN"),
            &variable("CI_PROJECT_URL"),
            &variable("CI_PIPELINE_ID"),
            &job,
        ]);
        let labels = BTreeMap::from([("gitlab:job-id".to_owned(), job)]);
        let timeout = variable("CI_JOB_TIMEOUT").parse().ok().map(Duration::from_secs);
        Ok(Self { id, labels, timeout })
    }
}

/// The URL from its host on: what stands before `@` is a token, and it differs from call to call.
fn without_credentials(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.find('/').unwrap_or(rest.len());
    match rest[..authority].rfind('@') {
        Some(at) => &rest[at + 1..],
        None => rest,
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    const RESPONSE: &str = r#"{"id":7,"token":"hunter2","job_info":{"name":"test","project_id":3,
        "project_name":"app"},"git_info":{"repo_url":"https://gitlab-ci-token:hunter2@gitlab.example/a/app.git"},
        "runner_info":{"timeout":3600},"variables":[{"key":"CI_JOB_ID","value":"999"}],"new":{}}"#;

    fn job(pairs: &[(&str, &str)]) -> Result<Job> {
        Job::from_env(&|name| {
            pairs.iter().find(|(have, _)| *have == name).map(|(_, value)| (*value).into())
        })
    }

    fn from_text(text: &str, more: &[(&str, &str)]) -> Result<Job> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let mut pairs = vec![("JOB_RESPONSE_FILE", file.path().to_str().unwrap())];
        pairs.extend(more);
        job(&pairs)
    }

    #[test]
    fn variables_of_the_author_change_nothing() {
        let plain = from_text(RESPONSE, &[]).unwrap();
        let hostile = [
            ("CUSTOM_ENV_CI_JOB_ID", "8"),
            ("CUSTOM_ENV_CI_PROJECT_URL", "../../x"),
            ("CUSTOM_ENV_CI_JOB_TIMEOUT", "1"),
        ];
        assert_eq!(from_text(RESPONSE, &hostile).unwrap(), plain);
        assert_eq!(plain.labels["gitlab:job-id"], "7");
        assert_eq!(plain.timeout, Some(Duration::from_secs(3600)));
    }

    #[test]
    fn a_token_is_no_part_of_the_identity() {
        let other = RESPONSE.replace("hunter2", "another");
        assert_eq!(from_text(RESPONSE, &[]).unwrap(), from_text(&other, &[]).unwrap());
        assert_eq!(without_credentials("https://u:p@h/p"), "h/p");
        assert_eq!(without_credentials("https://h/p@x"), "h/p@x");
    }

    #[test]
    fn another_server_project_or_job_is_another_identity() {
        let one = from_text(RESPONSE, &[]).unwrap().id;
        for (from, to) in [
            ("gitlab.example", "other.example"),
            ("\"id\":7", "\"id\":8"),
            ("\"project_id\":3", "\"project_id\":4"),
        ] {
            assert_ne!(from_text(&RESPONSE.replace(from, to), &[]).unwrap().id, one, "{to}");
        }
    }

    #[test]
    fn a_response_that_cannot_be_read_is_never_replaced_by_variables() {
        let fallback = [("CUSTOM_ENV_CI_JOB_ID", "8")];
        for text in ["", "{}", "not json", r#"{"id":"hunter2"}"#] {
            let error = from_text(text, &fallback).unwrap_err();
            assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
        }
        for path in ["/nonexistent", ""] {
            assert!(job(&[("JOB_RESPONSE_FILE", path), fallback[0]]).is_err());
        }
        let not_text = |name: &str| match name {
            "JOB_RESPONSE_FILE" => Some(OsStr::from_bytes(b"/tmp/\xff").to_owned()),
            _ => Some("8".into()),
        };
        assert!(Job::from_env(&not_text).is_err());
    }

    #[test]
    fn an_old_runner_is_served_from_variables() {
        assert!(job(&[("CUSTOM_ENV_CI_JOB_ID", "8")]).is_ok());
        assert!(job(&[]).is_err());
    }
}
