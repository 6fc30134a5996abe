use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// Text that is wiped from memory when dropped and never shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_written_down_but_not_shown() {
        let secret = SecretText::new(Zeroizing::new("hunter2".to_owned()));
        assert!(!format!("{secret:?}").contains("hunter2"));
        let text = serde_json::to_string(&secret).unwrap();
        let read: SecretText = serde_json::from_str(&text).unwrap();
        assert_eq!(read.expose(), "hunter2");
    }
}
