use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{TaskImage, TaskNeeds};
use crate::{Error, ErrorKind, Result, SecretText};

/// Names one launch: the idempotency key.
///
/// 1 to 52 characters out of `a-z`, `0-9` and `-`, not starting or ending with `-`. That fits an
/// ECS client token (64 characters) with room for a suffix, a Kubernetes pod name (63) and a
/// directory name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TaskKey(String);

impl TaskKey {
    /// Checks and wraps `text`.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidConfig`] when a character or the length is not allowed.
    pub fn new(text: impl Into<String>) -> Result<Self> {
        let text = text.into();
        let good = (1..=52).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !text.starts_with('-')
            && !text.ends_with('-');
        if good {
            Ok(Self(text))
        } else {
            Err(Error::new(
                ErrorKind::InvalidConfig,
                "check task key",
                format!("{text:?} is not 1 to 52 characters of a-z, 0-9 and inner '-'"),
            ))
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TaskKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for TaskKey {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        Self::new(text)
    }
}

impl From<TaskKey> for String {
    fn from(key: TaskKey) -> Self {
        key.0
    }
}

/// What to launch.
///
/// Whatever is the same for every task of a backend (subnets, sizes, its usual image) belongs to
/// that backend's own configuration, not here.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TaskSpec {
    /// The idempotency key: launching the same key twice gives the same task.
    pub key: TaskKey,
    /// Whose task it is; [`TaskLauncher::list`](crate::TaskLauncher::list) finds it by this.
    ///
    /// Same alphabet as the key, at most 36 characters.
    pub owner: TaskKey,
    /// The one public key that may log in, in OpenSSH's one-line form.
    pub authorized_key: String,
    /// For people and bills: tags on ECS, labels on Kubernetes.
    pub labels: BTreeMap<String, String>,
    /// What the task proves its host key with, where it can: [`crate::host_proof`].
    pub host_secret: Option<SecretText>,
    /// What this task is to have that others of its backend need not.
    pub needs: TaskNeeds,
    /// How long the task may live before it ends itself, where the backend can see to that.
    pub deadline: Option<Duration>,
    /// How long the launcher may look for room. A launcher may have a shorter limit of its own.
    pub launch_timeout: Option<Duration>,
}

impl TaskSpec {
    /// A spec without labels and deadline, for the backend's own image.
    pub fn new(key: TaskKey, owner: TaskKey, authorized_key: impl Into<String>) -> Self {
        Self {
            key,
            owner,
            authorized_key: authorized_key.into(),
            labels: BTreeMap::new(),
            host_secret: None,
            needs: TaskNeeds::default(),
            deadline: None,
            launch_timeout: None,
        }
    }

    /// Adds a label.
    #[must_use]
    pub fn label(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.insert(name.into(), value.into());
        self
    }

    /// Runs this image instead of the backend's own.
    #[must_use]
    pub fn image(mut self, image: TaskImage) -> Self {
        self.needs.image = Some(image);
        self
    }

    /// Says all that this task is to have of its own.
    #[must_use]
    pub fn needs(mut self, needs: TaskNeeds) -> Self {
        self.needs = needs;
        self
    }

    /// Lets the task prove its host key.
    #[must_use]
    pub fn host_secret(mut self, secret: SecretText) -> Self {
        self.host_secret = Some(secret);
        self
    }

    /// Limits how long the launcher looks for room.
    #[must_use]
    pub fn launch_timeout(mut self, timeout: Duration) -> Self {
        self.launch_timeout = Some(timeout);
        self
    }

    /// Sets the time after which the task ends itself.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_could_leave_their_folder_or_break_an_api_are_refused() {
        for bad in ["", "..", "../x", "A", "a_b", "a/b", "-a", "a-", "a b", "ä", &"a".repeat(53)] {
            assert!(TaskKey::new(bad).is_err(), "{bad:?}");
        }
        for good in ["a", "job-7", &"a".repeat(52)] {
            assert!(TaskKey::new(good).is_ok(), "{good:?}");
        }
    }

    #[test]
    fn a_key_is_checked_when_it_is_read_back() {
        assert!(serde_json::from_str::<TaskKey>("\"../etc\"").is_err());
    }
}
