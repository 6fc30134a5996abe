//! The part of the job response this driver reads.
//!
//! The runner writes the whole response of its job request to `JOB_RESPONSE_FILE` (since 14.1).
//! The field set grows with GitLab's versions, so everything else is ignored and everything here
//! is optional.

use serde::Deserialize;

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
