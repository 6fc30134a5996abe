use serde::{Deserialize, Serialize};

/// The image one task is to run instead of its backend's own, with what belongs to it.
///
/// Whoever fills it in has checked that the task may run it. A backend whose tasks have a fixed
/// image (a task definition without the agent on ECS, this machine without a directory for the
/// image) ignores it and says so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TaskImage {
    /// The reference, such as `registry.example.com/ci/rust:1`.
    pub name: String,
    /// What runs instead of the image's own entry point, the program first, taken literally: no
    /// variable in it is expanded. Empty leaves the image's own. One empty text, as GitLab writes
    /// it, is no entry point at all, where the backend can run an image without its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub entrypoint: Vec<String>,
    /// When to pull it; `None` is the backend's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pull_policy: Option<PullPolicy>,
    /// The platform to take it for, such as `linux/arm64`; `None` is the backend's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    /// The user it runs as, by name or number; `None` is the image's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// What lets the platform pull it from a private registry, as the backend names it: the ARN of
    /// a secret on ECS, the name of a secret in Kubernetes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pull_secret: Option<String>,
}

impl TaskImage {
    /// The image `name` with its own entry point, pulled when the backend thinks fit.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            entrypoint: Vec::new(),
            pull_policy: None,
            platform: None,
            user: None,
            pull_secret: None,
        }
    }

    /// Runs this instead of the image's own entry point, the program first.
    #[must_use]
    pub fn entrypoint<T: Into<String>>(mut self, words: impl IntoIterator<Item = T>) -> Self {
        self.entrypoint = words.into_iter().map(Into::into).collect();
        self
    }

    /// Says when to pull it.
    #[must_use]
    pub fn pull_policy(mut self, policy: PullPolicy) -> Self {
        self.pull_policy = Some(policy);
        self
    }

    /// Says which platform to take it for.
    #[must_use]
    pub fn platform(mut self, platform: impl Into<String>) -> Self {
        self.platform = Some(platform.into());
        self
    }

    /// Says which user it runs as.
    #[must_use]
    pub fn user(mut self, user: impl Into<String>) -> Self {
        self.user = Some(user.into());
        self
    }

    /// Says what lets the platform pull it.
    #[must_use]
    pub fn pull_secret(mut self, secret: impl Into<String>) -> Self {
        self.pull_secret = Some(secret.into());
        self
    }
}

/// When an image is pulled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum PullPolicy {
    /// Every time, so that a tag that was moved counts.
    Always,
    /// Only where the machine does not have it yet.
    IfNotPresent,
    /// Never: the machine must have it.
    Never,
}
