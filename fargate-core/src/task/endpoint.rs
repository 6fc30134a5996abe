use std::fmt;

use serde::{Deserialize, Serialize};

/// Where and how a task can be reached.
///
/// Serialisable, because a later process uses what an earlier one found out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Endpoint {
    /// An SSH server.
    Ssh {
        /// Address or name.
        host: String,
        /// TCP port.
        port: u16,
        /// Login name.
        user: String,
        /// The server's public key in OpenSSH's one-line form, without a comment.
        ///
        /// `None` until it is known; [`RemoteExec::probe`](crate::RemoteExec::probe) then returns
        /// the endpoint with the key it saw.
        host_key: Option<String>,
    },
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ssh { host, port, user, .. } => write!(f, "{user}@{host}:{port}"),
        }
    }
}
