//! The agent's own environment, and what its commands get of it.

use std::env;
use std::ffi::{OsStr, OsString};

use fargate_core::{AgentSetup, SecretText, host_proof};
use tokio::process::Command;

use crate::shell;

/// Carries the client key to the agent.
pub(crate) const KEY: &str = "SSH_PUBLIC_KEY";

/// What is meant for the agent, and nothing of a script's.
const OWN: [&str; 7] = [
    KEY,
    host_proof::VARIABLE,
    AgentSetup::LISTEN,
    AgentSetup::HOSTS,
    AgentSetup::UMASK,
    AgentSetup::MORE_PATH,
    AgentSetup::DEADLINE,
];

/// The secret to prove the host key with; an empty one proves nothing to anybody.
pub(crate) fn host_secret() -> Option<SecretText> {
    let secret = env::var(host_proof::VARIABLE).ok().filter(|secret| !secret.is_empty())?;
    Some(SecretText::new(secret.into()))
}

/// Lets nobody read this process's environment who may not trace any process: what the agent starts
/// runs as the same user, and even root may not in a container without `CAP_SYS_PTRACE`
/// (proc_pid_environ(5), ptrace(2)). What is started is not affected.
pub(crate) fn close() {
    #[cfg(target_os = "linux")]
    if let Err(error) =
        rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)
    {
        tracing::warn!(%error, "the agent's environment stays open to this user's processes");
    }
}

/// Gives `command` the agent's environment without what is the agent's own, and with `more` behind
/// the directories of `PATH`.
pub(crate) fn pass_on(command: &mut Command, more: Option<&OsStr>) {
    for name in OWN {
        command.env_remove(name);
    }
    let inherited = env::var_os("PATH");
    if let Some(more) = more.filter(|more| !more.is_empty()) {
        command.env("PATH", longer(inherited, more));
    } else if inherited.is_none() {
        command.env("PATH", shell::DEFAULT_PATH);
    }
}

/// `path`, then `more`.
fn longer(path: Option<OsString>, more: &OsStr) -> OsString {
    // An empty element would mean the working directory.
    let mut path =
        path.filter(|path| !path.is_empty()).unwrap_or_else(|| shell::DEFAULT_PATH.into());
    path.push(":");
    path.push(more);
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_directories_come_last_and_never_mean_the_working_directory() {
        let longer = |path: Option<&str>| longer(path.map(OsString::from), "/more:/most".as_ref());
        assert_eq!(longer(Some("/bin:/usr/bin")), "/bin:/usr/bin:/more:/most");
        let usual = format!("{}:/more:/most", shell::DEFAULT_PATH);
        assert_eq!(longer(None), usual.as_str());
        assert_eq!(longer(Some("")), usual.as_str());
    }
}
