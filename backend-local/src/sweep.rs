//! Finding and killing what a task left behind.

use std::path::{Path, PathBuf};

/// In the environment of everything a task starts; the value is the task's directory.
pub(crate) const MARKER: &str = "FARGATE_TASK";

/// The marker's value for the task in `dir`: the same for every way to write the path.
pub(crate) fn mark(dir: &Path) -> PathBuf {
    dir.canonicalize().unwrap_or_else(|_| dir.to_owned())
}

/// Kills every process that carries the marker of the task in `dir`, until none is left.
///
/// Linux only, by /proc/PID/environ (proc_pid_environ(5)). A process that changed its own
/// environment on purpose is not found.
#[cfg(target_os = "linux")]
pub(crate) async fn sweep(dir: &Path) {
    use std::time::Duration;

    /// A process can start another one between the look and the kill, so it takes rounds.
    const ROUNDS: u32 = 100;

    for _ in 0..ROUNDS {
        if kill_marked(dir) == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    tracing::warn!(task = %dir.display(), "processes of the task would not end");
}

/// Kills every process that carries the marker of the task in `dir` now; how many it found.
#[cfg(target_os = "linux")]
pub(crate) fn kill_marked(dir: &Path) -> usize {
    let found = linux::marked(dir);
    found.iter().copied().for_each(linux::kill);
    found.len()
}

/// Elsewhere than on Linux only the agent ends its processes.
#[cfg(not(target_os = "linux"))]
pub(crate) async fn sweep(_dir: &Path) {}

/// Elsewhere than on Linux marked processes are not found.
#[cfg(not(target_os = "linux"))]
pub(crate) fn kill_marked(_dir: &Path) -> usize {
    0
}

#[cfg(target_os = "linux")]
mod linux {
    use std::fs;
    use std::os::unix::ffi::OsStrExt;
    use std::path::Path;

    use rustix::process::{Pid, Signal, getpid, kill_process};

    pub(super) fn marked(dir: &Path) -> Vec<Pid> {
        let mut wanted = format!("{}=", super::MARKER).into_bytes();
        wanted.extend_from_slice(super::mark(dir).as_os_str().as_bytes());
        let me = getpid();
        fs::read_dir("/proc")
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok().and_then(Pid::from_raw))
            .filter(|pid| *pid != me)
            .filter(|pid| {
                // A zombie's environment is empty; another user's cannot be read.
                fs::read(format!("/proc/{}/environ", pid.as_raw_nonzero()))
                    .is_ok_and(|env| env.split(|byte| *byte == 0).any(|entry| entry == wanted))
            })
            .collect()
    }

    pub(super) fn kill(pid: Pid) {
        if let Err(error) = kill_process(pid, Signal::KILL) {
            tracing::debug!(%error, "a process of the task ended by itself");
        }
    }
}
