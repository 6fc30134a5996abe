//! The directory and the environment of one tried job.

use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use fargate_core::{Error, ErrorKind, Result};
use serde_json::json;
use tempfile::TempDir;

/// The exit codes GitLab Runner uses today.
pub(super) const BUILD_FAILURE: i32 = 1;
const SYSTEM_FAILURE: i32 = 2;
/// GitLab's default job timeout, in seconds.
const TIMEOUT: u64 = 3600;

/// Everything one job needs on disk, gone when it is over.
pub(super) struct Room {
    directory: TempDir,
    config: PathBuf,
    job_id: String,
    variables: Vec<(String, String)>,
}

impl Room {
    /// `image` is empty for a job that names none.
    pub(super) fn new(
        config: Option<&Path>,
        variables: &[(String, String)],
        image: &str,
    ) -> Result<Self> {
        Self::create(config, variables, image).map_err(|error| {
            Error::new(ErrorKind::Unexpected, "set up the job's directory", error.to_string())
                .hint("check TMPDIR, and free space there")
        })
    }

    fn create(
        config: Option<&Path>,
        variables: &[(String, String)],
        image: &str,
    ) -> io::Result<Self> {
        let directory = tempfile::Builder::new().prefix("fargate-try-").tempdir()?;
        let root = directory.path();
        fs::create_dir(root.join("job"))?;
        let config = match config {
            // The stages run in another directory.
            Some(path) => std::path::absolute(path)?,
            None => {
                let path = root.join("fargate.toml");
                // Relative to the stages' working directory, whose path need not be text.
                let text = "Backend = \"local\"\n[Local]\nDirectory = \"local\"\n";
                fs::write(&path, text)?;
                path
            }
        };
        let since = SystemTime::UNIX_EPOCH.elapsed().map_err(io::Error::other)?;
        let job_id = since.as_micros().to_string();
        let mut all = vec![
            ("CI".to_owned(), "true".to_owned()),
            ("CI_JOB_ID".to_owned(), job_id.clone()),
            ("CI_JOB_NAME".to_owned(), "try".to_owned()),
            ("CI_JOB_STAGE".to_owned(), "test".to_owned()),
            ("CI_JOB_TIMEOUT".to_owned(), TIMEOUT.to_string()),
            ("CI_SHARED_ENVIRONMENT".to_owned(), "true".to_owned()),
        ];
        all.extend(variables.iter().cloned());
        let room = Self { config, job_id, variables: all, directory };
        fs::write(room.response(), room.response_text(image))?;
        fs::set_permissions(room.response(), Permissions::from_mode(0o600))?;
        Ok(room)
    }

    /// Removes everything.
    pub(super) fn close(self) -> Result<()> {
        let path = self.directory.path().to_owned();
        self.directory.close().map_err(|error| {
            Error::new(
                ErrorKind::Unexpected,
                "remove the job's directory",
                format!("{}: {error}", path.display()),
            )
        })
    }

    pub(super) fn config(&self) -> &Path {
        &self.config
    }

    /// The working directory of the stages, and their TMPDIR.
    pub(super) fn work(&self) -> PathBuf {
        self.directory.path().join("job")
    }

    fn response(&self) -> PathBuf {
        self.work().join("response.json")
    }

    fn exit_code_file(&self) -> PathBuf {
        self.work().join("build_exit_code")
    }

    /// The job's variables, as its script sees them.
    pub(super) fn variables(&self) -> &[(String, String)] {
        &self.variables
    }

    /// What GitLab Runner adds to the environment of a driver.
    pub(super) fn environment(&self) -> Vec<(String, OsString)> {
        let mut all = vec![
            ("TMPDIR".to_owned(), self.work().into()),
            ("BUILD_FAILURE_EXIT_CODE".to_owned(), BUILD_FAILURE.to_string().into()),
            ("SYSTEM_FAILURE_EXIT_CODE".to_owned(), SYSTEM_FAILURE.to_string().into()),
            ("BUILD_EXIT_CODE_FILE".to_owned(), self.exit_code_file().into()),
            ("JOB_RESPONSE_FILE".to_owned(), self.response().into()),
            ("CUSTOM_ENV_CI_JOB_SERVICES".to_owned(), OsString::new()),
        ];
        all.extend(
            self.variables.iter().map(|(name, value)| (format!("CUSTOM_ENV_{name}"), value.into())),
        );
        all
    }

    /// Writes a stage's script where GitLab Runner would.
    pub(super) fn write_script(&self, script: &[u8]) -> Result<PathBuf> {
        let write = || -> io::Result<PathBuf> {
            let directory =
                tempfile::Builder::new().prefix("script").tempdir_in(self.work())?.keep();
            let path = directory.join("script");
            fs::write(&path, script)?;
            fs::set_permissions(&path, Permissions::from_mode(0o700))?;
            Ok(path)
        };
        write().map_err(|error| {
            Error::new(ErrorKind::Unexpected, "write the stage's script", error.to_string())
        })
    }

    /// The code the driver noted for the script.
    pub(super) fn script_code(&self) -> Option<u8> {
        let text = fs::read_to_string(self.exit_code_file()).ok()?;
        text.lines().next()?.parse().ok()
    }

    fn response_text(&self, image: &str) -> String {
        let variables: Vec<_> = self
            .variables
            .iter()
            .map(|(key, value)| json!({ "key": key, "value": value, "public": true, "masked": false }))
            .collect();
        json!({
            "id": self.job_id.parse::<u64>().unwrap_or_default(),
            "token": "",
            "job_info": { "name": "try", "stage": "test", "project_id": 0, "project_name": "try" },
            "git_info": { "repo_url": "", "ref": "" },
            "runner_info": { "timeout": TIMEOUT },
            "variables": variables,
            "steps": [{ "name": "script", "script": [], "timeout": TIMEOUT, "when": "on_success" }],
            "image": { "name": image },
            "services": [],
        })
        .to_string()
    }
}
