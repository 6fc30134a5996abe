//! Which program a task runs.

use std::path::PathBuf;

/// What a task runs at its address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskProgram {
    /// A real `/usr/sbin/sshd`, which logs in the key from `SSH_PUBLIC_KEY`. Needs root.
    Sshd,
    /// The task agent at this path. A task with a public address listens there only.
    Agent(PathBuf),
    /// What the container itself names as its command and arguments, as with an image that has
    /// neither an SSH server nor an agent. Without any the container does not start.
    Command,
    /// Nothing: tasks have an address, but nobody listens. Fits tests of the API alone.
    None,
}

impl TaskProgram {
    /// Whether somebody listens at the address of a task.
    pub(crate) fn listens(&self) -> bool {
        matches!(self, Self::Sshd | Self::Agent(_))
    }
}
