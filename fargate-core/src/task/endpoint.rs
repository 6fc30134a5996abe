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
    /// An SSH server whose port the platform's API forwards.
    Forwarded {
        /// The task as the platform names it, such as "namespace/pod".
        task: String,
        /// What tells this task from an earlier or later one of the same name.
        instance: String,
        /// TCP port inside the task.
        port: u16,
        /// Login name.
        user: String,
        /// As for [`Endpoint::Ssh`].
        host_key: Option<String>,
    },
    /// A task that the platform's API runs commands in.
    Exec {
        /// The task as the platform names it, such as "namespace/pod".
        task: String,
        /// What tells this task from an earlier or later one of the same name. `None` until it is
        /// known, as a host key is.
        instance: Option<String>,
        /// The container of the task; `None` is the one that runs the jobs.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        container: Option<String>,
    },
}

impl Endpoint {
    /// What proves that it is still the same task that answers: the SSH server's host key, or the
    /// platform's word for this one instance.
    #[must_use]
    pub fn identity(&self) -> Option<&str> {
        match self {
            Self::Ssh { host_key, .. } | Self::Forwarded { host_key, .. } => host_key.as_deref(),
            Self::Exec { instance, .. } => instance.as_deref(),
        }
    }

    /// Another server of the same task, whose identity is not known yet; `None` where a place has no
    /// ports.
    #[must_use]
    pub fn on_port(mut self, other: u16) -> Option<Self> {
        match &mut self {
            Self::Ssh { port, host_key, .. } | Self::Forwarded { port, host_key, .. } => {
                *port = other;
                *host_key = None;
                Some(self)
            }
            Self::Exec { .. } => None,
        }
    }

    /// The same place, expected to prove `identity`.
    #[must_use]
    pub fn with_identity(mut self, identity: impl Into<String>) -> Self {
        match &mut self {
            Self::Ssh { host_key: known, .. }
            | Self::Forwarded { host_key: known, .. }
            | Self::Exec { instance: known, .. } => *known = Some(identity.into()),
        }
        self
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ssh { host, port, user, .. } => write!(f, "{user}@{host}:{port}"),
            Self::Forwarded { task, port, user, .. } => write!(f, "{user}@{task}:{port}"),
            Self::Exec { task, container: None, .. } => f.write_str(task),
            Self::Exec { task, container: Some(name), .. } => write!(f, "{name} of {task}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_written_by_an_earlier_version_is_read() {
        let text = r#"{"ssh":{"host":"10.0.0.7","port":22,"user":"root","host_key":null}}"#;
        let endpoint: Endpoint = serde_json::from_str(text).unwrap();
        assert_eq!(endpoint.to_string(), "root@10.0.0.7:22");
        assert_eq!(endpoint.identity(), None);
        assert_eq!(endpoint.with_identity("key").identity(), Some("key"));
    }
}
