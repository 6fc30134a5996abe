//! The process that makes the namespaces and stays outside of them.

use std::fs;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use fargate_core::Result;
use nix::sched::{CloneFlags, unshare};
use rustix::process::{Pid, Signal, getegid, geteuid, kill_process};
use tokio::process::{Child, Command};
use tokio::time::sleep;

use super::fail;
use crate::EndSignals;
use crate::shell::ROOTS_HOME;

/// Between two signals: one that comes before its handler is there is lost on a first process
/// (pid_namespaces(7)).
const AGAIN: Duration = Duration::from_millis(200);
/// What of this machine's user means nothing inside.
const NOT_INSIDE: [&str; 4] = ["PATH", "SHELL", "USER", "LOGNAME"];

/// Starts this program again as the first process of new namespaces, with one more argument, and
/// accompanies it to its end. Returns its exit code, or 128 and the signal that ended it.
pub(super) fn accompany() -> Result<u8> {
    separate()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(fail::to("start a runtime"))?;
    runtime.block_on(async {
        let mut asked = EndSignals::new().map_err(fail::to("handle signals"))?;
        let mut inside = start().map_err(fail::to("start the first process inside"))?;
        let status = tokio::select! {
            status = inside.wait() => status,
            () = asked.recv() => end(&mut inside).await,
        };
        let status = status.map_err(fail::to("wait for the first process inside"))?;
        let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
        Ok(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX))
    })
}

/// Moves this process into a mount namespace of its own, and its children into one for process
/// ids; nothing may start a thread from here on (EINVAL in clone(2)).
fn separate() -> Result<()> {
    let own = CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWPID;
    match unshare(own) {
        Err(nix::Error::EPERM) => {}
        made => return made.map_err(io::Error::from).map_err(fail::to("make namespaces")),
    }
    // Asked for before: inside there is another answer.
    let (user, group) = (geteuid().as_raw(), getegid().as_raw());
    unshare(own | CloneFlags::CLONE_NEWUSER)
        .map_err(io::Error::from)
        .map_err(fail::to("make a user namespace"))?;
    // The order is that of user_namespaces(7): no map of groups without having given up setgroups.
    for (file, content) in [
        ("setgroups", "deny".to_owned()),
        ("uid_map", format!("0 {user} 1")),
        ("gid_map", format!("0 {group} 1")),
    ] {
        fs::write(format!("/proc/self/{file}"), content)
            .map_err(fail::to(format!("write {file} of a user namespace")))?;
    }
    Ok(())
}

fn start() -> io::Result<Child> {
    let mut command = Command::new("/proc/self/exe");
    for name in NOT_INSIDE {
        command.env_remove(name);
    }
    command
        .args(std::env::args_os().skip(1))
        .args(["--outside", &std::process::id().to_string()])
        .env("HOME", ROOTS_HOME)
        .spawn()
}

async fn end(inside: &mut Child) -> io::Result<std::process::ExitStatus> {
    loop {
        if let Some(pid) = inside.id().and_then(|id| Pid::from_raw(id.cast_signed()))
            && let Err(error) = kill_process(pid, Signal::TERM)
        {
            tracing::debug!(%error, "the first process inside ended by itself");
        }
        tokio::select! {
            status = inside.wait() => return status,
            () = sleep(AGAIN) => {}
        }
    }
}
