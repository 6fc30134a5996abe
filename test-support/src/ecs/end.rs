//! Why a task ends.

/// What a stopped task says about its end, in ECS's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskEnd {
    /// `stopCode`, such as `SpotInterruption`.
    pub stop_code: String,
    /// `stoppedReason`.
    pub reason: String,
    /// `reason` of the first container.
    pub container_reason: Option<String>,
    /// `exitCode` of the first container; `None`: what the program really ended with, if it ran.
    /// With 137 the program is killed at once instead of being asked to end.
    pub exit_code: Option<i32>,
}

impl TaskEnd {
    /// An end with a stop code and a reason only.
    #[must_use]
    pub fn new(stop_code: &str, reason: &str) -> Self {
        Self {
            stop_code: stop_code.to_owned(),
            reason: reason.to_owned(),
            container_reason: None,
            exit_code: None,
        }
    }

    /// Fargate Spot took the capacity back.
    #[must_use]
    pub fn spot_interruption() -> Self {
        Self::new("SpotInterruption", "Your Spot Task was interrupted.")
    }

    /// The kernel killed the container for using more memory than the task has.
    #[must_use]
    pub fn out_of_memory() -> Self {
        Self {
            container_reason: Some(
                "OutOfMemoryError: Container killed due to memory usage".to_owned(),
            ),
            exit_code: Some(137),
            ..Self::new("EssentialContainerExited", "Essential container in task exited")
        }
    }

    /// The image could not be pulled, for instance because nothing routes to the registry.
    #[must_use]
    pub fn cannot_pull() -> Self {
        let reason = "CannotPullContainerError: pull image manifest has been retried 5 time(s): \
                      failed to resolve ref registry.example.com/ci:latest: failed to do request: \
                      Head \"https://registry.example.com/v2/ci/manifests/latest\": dial tcp \
                      203.0.113.7:443: i/o timeout";
        Self { container_reason: Some(reason.to_owned()), ..Self::new("TaskFailedToStart", reason) }
    }

    /// The first process ended by itself.
    pub(super) fn exited(exit_code: i32) -> Self {
        Self {
            exit_code: Some(exit_code),
            ..Self::new("EssentialContainerExited", "Essential container in task exited")
        }
    }

    pub(super) fn killed_at_once(&self) -> bool {
        self.exit_code == Some(137)
    }
}
