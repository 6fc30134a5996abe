//! The part of the job response this driver reads.
//!
//! The runner writes the whole response of its job request to `JOB_RESPONSE_FILE` (since 14.1).
//! The field set grows with GitLab's versions, so everything else is ignored and everything here
//! is optional.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use fargate_core::{Error, ErrorKind, Result};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub(super) const OP: &str = "read the job response";
/// Variables can be large, but not this large.
const MAX_BYTES: u64 = 256 << 20;

/// Reads what `T` names of the response at `path`.
///
/// # Errors
/// `InvalidConfig` when the file cannot be read or is no response.
pub(super) fn read<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let failed = |why: String| {
        Error::new(ErrorKind::InvalidConfig, OP, format!("{}: {why}", path.display()))
            .hint("GitLab Runner writes this file; without it the job's identity is unknown")
    };
    let file = File::open(path).map_err(|error| failed(error.to_string()))?;
    serde_json::from_reader(BufReader::new(file.take(MAX_BYTES)))
        // The message could quote a value, and values here are secrets.
        .map_err(|error| failed(format!("malformed at line {}", error.line())))
}

#[derive(Deserialize)]
pub(super) struct JobResponse {
    pub(super) id: u64,
    #[serde(default)]
    pub(super) job_info: JobInfo,
    #[serde(default)]
    pub(super) git_info: GitInfo,
    #[serde(default)]
    pub(super) runner_info: RunnerInfo,
}

#[derive(Default, Deserialize)]
pub(super) struct JobInfo {
    pub(super) project_id: Option<u64>,
    pub(super) project_name: Option<String>,
    pub(super) project_full_path: Option<String>,
    pub(super) name: Option<String>,
    pub(super) pipeline_id: Option<u64>,
}

#[derive(Default, Deserialize)]
pub(super) struct GitInfo {
    /// Holds the job token as its password.
    pub(super) repo_url: Option<String>,
}

#[derive(Default, Deserialize)]
pub(super) struct RunnerInfo {
    /// Seconds.
    pub(super) timeout: Option<u64>,
}

/// What a job asks for, and where it comes from; of any type, because most jobs run without much of
/// it being looked at.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct RequestResponse {
    pub(super) image: Value,
    pub(super) services: Value,
    pub(super) variables: Value,
    pub(super) job_info: Value,
    pub(super) git_info: Value,
}
