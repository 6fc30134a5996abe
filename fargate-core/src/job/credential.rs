use serde::{Deserialize, Serialize};

use crate::SecretText;

/// What lets the driver into one task.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Credential {
    /// The public half, given to the task: OpenSSH's one-line form.
    pub public: String,
    /// The private half; `None` when the transport holds a key of its own (a configured file).
    pub private: Option<SecretText>,
    /// What the task proves its host key with; `None` where it cannot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_secret: Option<SecretText>,
}
