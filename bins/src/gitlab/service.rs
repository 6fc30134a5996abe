use std::collections::BTreeMap;
use std::fmt;

use fargate_core::Result;
use serde_json::Value;

use super::JobImage;
use super::request::{JobRequest, odd, texts};
use super::variables::Variables;

/// GitLab's name of the variable with the port that shows that a service is up.
pub const PORT_VARIABLE: &str = "HEALTHCHECK_TCP_PORT";

/// What a job says of one of its services. All of it is the author's, and nothing of it is checked.
#[derive(Clone, PartialEq, Eq)]
pub struct JobService {
    /// What it runs; its name is empty where the job gives none.
    pub image: JobImage,
    /// The host names the job gives it.
    pub aliases: Vec<String>,
    /// What is passed to the entry point; empty where the job does not say.
    pub command: Vec<String>,
    /// Its own variables.
    pub variables: BTreeMap<String, String>,
    /// What the author wrote for everybody to see, among the job's variables.
    pub inherited: BTreeMap<String, String>,
}

impl fmt::Debug for JobService {
    /// Variables may be secrets, and so may a command's words.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobService").field("image", &self.image).finish_non_exhaustive()
    }
}

impl JobService {
    /// Reads what `field` of the response says.
    ///
    /// The fields are those of type `Image` in GitLab Runner's `common/spec/spec.go`, and several
    /// aliases are written with commas or spaces between them, as its `Aliases()` reads them.
    ///
    /// # Errors
    /// `InvalidConfig` when something has another form.
    pub(super) fn read(request: &JobRequest, service: &Value, field: &str) -> Result<Self> {
        let image = JobImage::read(request, service, field)?.unwrap_or_default();
        let alias = match &service["alias"] {
            Value::Null => "",
            Value::String(text) => text,
            _ => return Err(odd(&format!("{field}.alias"), "a text")),
        };
        let aliases = request.expand(alias);
        let aliases = aliases.split([',', ' ', '\t', '\n', '\r']).filter(|alias| !alias.is_empty());
        let command = texts(&service["command"])
            .ok_or_else(|| odd(&format!("{field}.command"), "a list of texts"))?;
        let variables = Variables::read(&service["variables"]).expanded(request.variables());
        let inherited = request.variables().written_by_author();
        Ok(Self {
            image,
            aliases: aliases.map(str::to_owned).collect(),
            command,
            variables,
            inherited,
        })
    }
}

#[cfg(test)]
mod tests {
    use fargate_core::ErrorKind;
    use serde_json::json;

    use super::*;

    fn services(services: &Value, variables: &Value) -> Result<Vec<JobService>> {
        let file = tempfile::NamedTempFile::new().unwrap();
        let response = json!({"id": 7, "services": services, "variables": variables});
        std::fs::write(file.path(), response.to_string()).unwrap();
        JobRequest::from_file(file.path())?.services()
    }

    #[test]
    fn all_that_a_job_says_of_a_service_is_read() {
        let full = json!([
            {"name": "postgres:$VERSION", "alias": "db, pg  main", "entrypoint": ["/e"],
             "command": ["-c", "fsync=off"], "pull_policy": ["always"],
             "executor_opts": {"docker": {"user": "postgres"}},
             "variables": [{"key": "POSTGRES_PASSWORD", "value": "$SECRET"},
                           {"key": "HEALTHCHECK_TCP_PORT", "value": "5433"},
                           {"key": "POSTGRES_DB", "value": "own"},
                           {"key": "RAW", "value": "$SECRET", "raw": true}]},
            {"name": "redis:7", "alias": null, "command": null},
        ]);
        let variables = json!([
            {"key": "VERSION", "value": "16", "public": true},
            {"key": "POSTGRES_DB", "value": "of the job", "public": true},
            {"key": "SECRET", "value": "hunter2", "masked": true},
        ]);
        let all = services(&full, &variables).unwrap();
        let postgres = &all[0];
        assert_eq!(postgres.image.name, "postgres:16");
        assert_eq!(postgres.aliases, ["db", "pg", "main"]);
        assert_eq!((postgres.image.entrypoint.len(), postgres.command.len()), (1, 2));
        assert_eq!(postgres.variables[PORT_VARIABLE], "5433");
        assert_eq!(postgres.variables["POSTGRES_DB"], "own");
        assert_eq!(postgres.variables["POSTGRES_PASSWORD"], "hunter2");
        assert_eq!(postgres.variables["RAW"], "$SECRET");
        assert_eq!(postgres.inherited["VERSION"], "16");
        assert!(!postgres.inherited.contains_key("SECRET"));
        assert!(!format!("{postgres:?}").contains("hunter2"));
        let redis = &all[1];
        assert_eq!((redis.aliases.len(), redis.command.len(), redis.variables.len()), (0, 0, 0));
        assert_eq!(redis.inherited["POSTGRES_DB"], "of the job");
    }

    #[test]
    fn what_has_another_form_is_named_and_not_quoted() {
        for (odd, field) in [
            (json!("hunter2"), "services is"),
            (json!(["hunter2"]), "services[0] is"),
            (json!([{"name": "a"}, {"name": ["hunter2"]}]), "services[1].name"),
            (json!([{"name": "a", "alias": ["hunter2"]}]), "services[0].alias"),
            (json!([{"name": "a", "command": "hunter2"}]), "services[0].command"),
        ] {
            let error = services(&odd, &json!([])).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidConfig);
            assert!(error.message().contains(field), "{error}");
            assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
        }
        assert_eq!(services(&json!(null), &json!([])).unwrap(), []);
        assert_eq!(services(&json!([{}]), &json!([])).unwrap()[0].image.name, "");
    }
}
