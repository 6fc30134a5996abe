//! The names GitLab Runner calls the parts of a job by.

use fargate_core::job::JobContainer;

/// The container that the script of `stage` is for: sources, cache and artifacts are the helper's,
/// and whatever else there is or will be the job's.
///
/// The names are those of `BuildStage` in GitLab Runner's `common/build.go`; up to version 12 the
/// artifacts' was `upload_artifact_on_*`.
#[must_use]
pub fn container(stage: &str) -> JobContainer {
    match stage {
        "get_sources"
        | "clear_worktree"
        | "restore_cache"
        | "download_artifacts"
        | "archive_cache"
        | "archive_cache_on_failure"
        | "upload_artifacts_on_success"
        | "upload_artifacts_on_failure"
        | "upload_artifact_on_success"
        | "upload_artifact_on_failure" => JobContainer::Helper,
        _ => JobContainer::Job,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_jobs_author_wrote_runs_in_the_jobs_image_and_so_does_what_is_not_known() {
        for stage in
            ["prepare_script", "build_script", "step_script", "step_release", "after_script", "new"]
        {
            assert_eq!(container(stage), JobContainer::Job, "{stage}");
        }
        for stage in ["get_sources", "restore_cache", "upload_artifacts_on_failure"] {
            assert_eq!(container(stage), JobContainer::Helper, "{stage}");
        }
    }
}
