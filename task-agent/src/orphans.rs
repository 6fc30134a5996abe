//! Processes that left their process group, and zombies nobody else waits for (Linux).
//!
//! An orphan goes to the nearest ancestor that asked for it, or to the first process of its PID
//! namespace (`PR_SET_CHILD_SUBREAPER` in prctl(2)). The agent asks, so everything it started
//! stays below it, whatever session or group it moved to. Elsewhere than on Linux these functions
//! do nothing.

use std::collections::HashSet;

use rustix::process::Signal;

#[cfg(target_os = "linux")]
mod linux {
    use std::collections::{HashMap, HashSet};
    use std::fs;

    use rustix::process::{
        Pid, Signal, WaitOptions, getpid, kill_process, set_child_subreaper, waitpid,
    };

    /// The fields of /proc/PID/stat that matter here; see proc_pid_stat(5).
    pub(super) struct Process {
        pid: i32,
        parent: i32,
        group: i32,
        zombie: bool,
    }

    fn parse(stat: &str) -> Option<Process> {
        let pid = stat.split(' ').next()?.parse().ok()?;
        // The name is in brackets and may itself hold brackets and blanks.
        let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
        let zombie = matches!(fields.next()?, "Z" | "X");
        let parent = fields.next()?.parse().ok()?;
        let group = fields.next()?.parse().ok()?;
        Some(Process { pid, parent, group, zombie })
    }

    fn all() -> Vec<Process> {
        let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
        entries
            .filter_map(Result::ok)
            .filter(|entry| {
                entry.file_name().as_encoded_bytes().first().is_some_and(u8::is_ascii_digit)
            })
            .filter_map(|entry| fs::read_to_string(entry.path().join("stat")).ok())
            .filter_map(|stat| parse(&stat))
            .collect()
    }

    fn me() -> i32 {
        getpid().as_raw_nonzero().get()
    }

    pub(super) fn adopt() {
        if let Err(error) = set_child_subreaper(Some(getpid())) {
            tracing::warn!(%error, "daemons that jobs start may outlive the agent");
        }
    }

    pub(super) fn zombies() -> Vec<i32> {
        let me = me();
        all().into_iter().filter(|p| p.zombie && p.parent == me).map(|p| p.pid).collect()
    }

    pub(super) fn collect(pid: i32) {
        if let Some(pid) = Pid::from_raw(pid)
            && let Err(error) = waitpid(Some(pid), WaitOptions::NOHANG)
        {
            tracing::debug!(%error, "a zombie was collected by somebody else");
        }
    }

    pub(super) fn descendants() -> Vec<Process> {
        let mut children: HashMap<i32, Vec<Process>> = HashMap::new();
        for process in all() {
            children.entry(process.parent).or_default().push(process);
        }
        let mut below = Vec::new();
        let mut parents = vec![me()];
        while let Some(parent) = parents.pop() {
            for child in children.remove(&parent).into_iter().flatten() {
                parents.push(child.pid);
                if !child.zombie {
                    below.push(child);
                }
            }
        }
        below
    }

    pub(super) fn signal_outside(groups: &HashSet<i32>, signal: Signal) {
        for process in descendants() {
            if !groups.contains(&process.group)
                && let Some(pid) = Pid::from_raw(process.pid)
                && let Err(error) = kill_process(pid, signal)
            {
                tracing::debug!(%error, "a process ended before its signal came");
            }
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_name_with_brackets_and_blanks_does_not_confuse() {
            let process = parse("42 (a) Z (b c) S 7 9 9 0 -1").unwrap();
            assert_eq!((process.pid, process.parent, process.group), (42, 7, 9));
            assert!(!process.zombie);
            assert!(parse("1 (x) Z 0 1 1").unwrap().zombie);
            assert!(parse("junk").is_none());
        }
    }
}

/// Makes the agent the parent of every orphan below it.
pub(crate) fn adopt() {
    #[cfg(target_os = "linux")]
    linux::adopt();
}

/// Process ids of the agent's own zombie children.
pub(crate) fn zombies() -> Vec<i32> {
    #[cfg(target_os = "linux")]
    return linux::zombies();
    #[cfg(not(target_os = "linux"))]
    Vec::new()
}

/// Collects one zombie.
pub(crate) fn collect(pid: i32) {
    #[cfg(target_os = "linux")]
    linux::collect(pid);
    #[cfg(not(target_os = "linux"))]
    let _ = pid;
}

/// Whether anything the agent started still runs.
pub(crate) fn any_descendant() -> bool {
    #[cfg(target_os = "linux")]
    return !linux::descendants().is_empty();
    #[cfg(not(target_os = "linux"))]
    false
}

/// Sends `signal` to every process below the agent whose group is not one of `groups`.
pub(crate) fn signal_descendants_outside(groups: &HashSet<i32>, signal: Signal) {
    #[cfg(target_os = "linux")]
    linux::signal_outside(groups, signal);
    #[cfg(not(target_os = "linux"))]
    let _ = (groups, signal);
}
