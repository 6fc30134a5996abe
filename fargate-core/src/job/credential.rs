use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// Text that is wiped from memory when dropped and never shown.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SecretText(Zeroizing<String>);

impl SecretText {
    /// Wraps `text`.
    #[must_use]
    pub fn new(text: Zeroizing<String>) -> Self {
        Self(text)
    }

    /// The text, for the one place that needs it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<secret>")
    }
}

/// What lets the driver into one task.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Credential {
    /// The public half, given to the task: OpenSSH's one-line form.
    pub public: String,
    /// The private half; `None` when the transport holds a key of its own (a configured file).
    pub private: Option<SecretText>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_written_down_but_not_shown() {
        let secret = SecretText::new(Zeroizing::new("hunter2".to_owned()));
        let credential = Credential { public: "ssh-ed25519 A".into(), private: Some(secret) };
        assert!(!format!("{credential:?}").contains("hunter2"));
        let text = serde_json::to_string(&credential).unwrap();
        let read: Credential = serde_json::from_str(&text).unwrap();
        assert_eq!(read.private.unwrap().expose(), "hunter2");
    }
}
