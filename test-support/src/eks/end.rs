//! Why a pod ends.

/// What a pod that ended says about it, in the kubelet's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodEnd {
    /// `status.reason`, such as `Evicted`.
    pub reason: Option<String>,
    /// `status.message`.
    pub message: Option<String>,
    /// `reason` of the terminated container; `None`: `Completed` or `Error`, by the exit code.
    pub container_reason: Option<String>,
    /// `exitCode` of the container; `None`: what the program really ended with. With 137 the
    /// program is killed at once instead of being asked to end.
    pub exit_code: Option<i32>,
    /// The condition `DisruptionTarget` with this reason and message.
    pub disruption: Option<(String, String)>,
}

impl PodEnd {
    fn with_reason(reason: &str, message: &str) -> Self {
        Self {
            reason: Some(reason.to_owned()),
            message: Some(message.to_owned()),
            container_reason: None,
            exit_code: None,
            disruption: None,
        }
    }

    /// The kernel killed the container for using more memory than its limit.
    #[must_use]
    pub fn oom_killed() -> Self {
        Self {
            reason: None,
            message: None,
            container_reason: Some("OOMKilled".to_owned()),
            exit_code: Some(137),
            disruption: None,
        }
    }

    /// The kubelet took it off the node for want of disk space.
    #[must_use]
    pub fn evicted() -> Self {
        let message = "The node was low on resource: ephemeral-storage. Threshold quantity: \
                       2146223340, available: 1933620Ki. Container ci-coordinator was using \
                       18712340Ki, request is 0, has larger consumption of ephemeral-storage. ";
        let disruption = ("TerminationByKubelet".to_owned(), message.to_owned());
        Self { disruption: Some(disruption), ..Self::with_reason("Evicted", message) }
    }

    /// The node shuts down.
    #[must_use]
    pub fn node_shutdown() -> Self {
        let message = "Pod was terminated in response to imminent node shutdown.";
        let disruption = ("TerminationByKubelet".to_owned(), message.to_owned());
        Self { disruption: Some(disruption), ..Self::with_reason("Terminated", message) }
    }

    /// The node shuts down, in the words of older kubelets.
    #[must_use]
    pub fn old_node_shutdown() -> Self {
        Self::with_reason("NodeShutdown", "Pod was rejected as the node is shutting down.")
    }

    /// The pod ran longer than it may.
    pub(super) fn deadline_exceeded() -> Self {
        Self::with_reason(
            "DeadlineExceeded",
            "Pod was active on the node longer than the specified deadline",
        )
    }

    pub(super) fn killed_at_once(&self) -> bool {
        self.exit_code == Some(137)
    }
}
