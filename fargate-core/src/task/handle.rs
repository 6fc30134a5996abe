use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Error, ErrorKind, Result};

/// A launched task, as data: written by one process, read by another.
///
/// It holds no secret. What only the backend understands stays in a private, opaque state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskHandle {
    version: u32,
    backend: String,
    key: Option<String>,
    id: String,
    state: Value,
}

impl TaskHandle {
    /// The version this program writes and the newest it reads.
    pub const VERSION: u32 = 1;

    /// A handle of `backend` for the task it calls `id`.
    pub fn new(backend: impl Into<String>, id: impl Into<String>, state: Value) -> Self {
        Self { version: Self::VERSION, backend: backend.into(), key: None, id: id.into(), state }
    }

    /// Sets the key the task was launched with. A listed task whose ledger entry is gone has none.
    #[must_use]
    pub fn with_key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// The backend that launched it, as [`TaskLauncher::backend`](crate::TaskLauncher::backend)
    /// names itself.
    #[must_use]
    pub fn backend(&self) -> &str {
        &self.backend
    }

    /// The key it was launched with, where that is known.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// The backend's own name for it, such as a task ARN.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Reads the private state; for backends.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] when the handle is of another backend or of a newer version,
    /// [`ErrorKind::Unexpected`] when the state is not what this backend writes.
    pub fn state<T: serde::de::DeserializeOwned>(&self, backend: &str) -> Result<T> {
        let op = "read task handle";
        if self.version > Self::VERSION {
            return Err(Error::new(
                ErrorKind::Unsupported,
                op,
                format!(
                    "it has version {}, this program reads up to {}",
                    self.version,
                    Self::VERSION
                ),
            )
            .hint("use the program version that started the task, or a newer one"));
        }
        if self.backend != backend {
            return Err(Error::new(
                ErrorKind::Unsupported,
                op,
                format!("the task was started by backend {:?}, not {backend:?}", self.backend),
            )
            .hint("the backend was changed while the job ran; let running jobs end first"));
        }
        T::deserialize(&self.state).map_err(|error| {
            Error::new(ErrorKind::Unexpected, op, "its backend state is malformed").source(error)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_of_another_backend_or_a_newer_version_is_refused() {
        let handle = TaskHandle::new("one", "id-1", serde_json::json!({"a": 1}));
        assert!(handle.state::<Value>("one").is_ok());
        assert_eq!(handle.state::<Value>("two").unwrap_err().kind(), ErrorKind::Unsupported);

        let mut newer = serde_json::to_value(&handle).unwrap();
        newer["version"] = 2.into();
        let newer: TaskHandle = serde_json::from_value(newer).unwrap();
        assert_eq!(newer.state::<Value>("one").unwrap_err().kind(), ErrorKind::Unsupported);
    }

    #[test]
    fn a_malformed_state_is_an_error_not_a_panic() {
        let handle = TaskHandle::new("one", "id-1", serde_json::json!(7));
        assert_eq!(handle.state::<Vec<String>>("one").unwrap_err().kind(), ErrorKind::Unexpected);
    }
}
