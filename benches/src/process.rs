//! What the kernel says about a process (proc_pid_status(5), proc_pid_smaps_rollup(5)).

use std::fs;
use std::io;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Resident memory, in bytes.
#[must_use]
pub fn resident(pid: u32) -> Option<u64> {
    field(&format!("/proc/{pid}/status"), "VmRSS:")
}

/// The most memory that was ever resident, in bytes.
#[must_use]
pub fn peak(pid: u32) -> Option<u64> {
    field(&format!("/proc/{pid}/status"), "VmHWM:")
}

/// Resident memory with shared pages split among those who share them, in bytes.
#[must_use]
pub fn proportional(pid: u32) -> Option<u64> {
    field(&format!("/proc/{pid}/smaps_rollup"), "Pss:")
}

/// This process's own time on a processor, user and system (proc_pid_stat(5)), in steps of 10 ms.
///
/// # Errors
/// When `/proc` cannot be read.
pub fn own_cpu() -> io::Result<Duration> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let (_, tail) = stat.rsplit_once(") ").ok_or_else(|| io::Error::other("no stat line"))?;
    // utime and stime are fields 14 and 15; the tail starts with field 3.
    let ticks: u64 = tail.split(' ').skip(11).take(2).filter_map(|f| f.parse::<u64>().ok()).sum();
    Ok(Duration::from_millis(ticks * 1000 / rustix::param::clock_ticks_per_second()))
}

/// Lets this process and its children open as many files as the system allows.
///
/// # Errors
/// When the limit cannot be set.
pub fn raise_file_limit() -> io::Result<()> {
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?;
    Ok(())
}

fn field(file: &str, name: &str) -> Option<u64> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_memory_and_uses_time() {
        let pid = std::process::id();
        let resident = resident(pid).unwrap();
        assert!(resident > 100 << 10);
        assert!(peak(pid).unwrap() >= resident / 2);
        assert!(proportional(pid).unwrap() > 0);
        let before = own_cpu().unwrap();
        let until = std::time::Instant::now() + Duration::from_secs(60);
        while own_cpu().unwrap() == before {
            assert!(std::time::Instant::now() < until, "a busy loop uses no time");
        }
    }
}
