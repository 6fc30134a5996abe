//! Which program a task runs.

use std::path::PathBuf;

/// What a task runs at its address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskProgram {
    /// A real `/usr/sbin/sshd`, which logs in the key from `SSH_PUBLIC_KEY`. Needs root.
    Sshd,
    /// The task agent at this path. A task with a public address listens there only.
    Agent(PathBuf),
    /// Nothing: tasks have an address, but nobody listens. Fits tests of the API alone.
    None,
}
