//! Every process of a task: what descends from the first one, and what carries its marker.
//!
//! A container runtime has a pid namespace for this. Here scripts must see the pids the test
//! sees, so `/proc` is read instead.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::setup::MARKER;

/// The processes of one task that were ever seen.
#[derive(Debug)]
pub(super) struct Tree {
    first: u32,
    marker: Vec<u8>,
    /// By pid, with the start time: a pid that came back is another process.
    seen: BTreeMap<u32, u64>,
    /// Those without the marker, so that nobody's environment is read twice.
    strangers: BTreeSet<(u32, u64)>,
}

/// A line of `/proc/<pid>/stat`.
#[derive(Debug, Clone, Copy)]
struct Stat {
    parent: u32,
    started: u64,
}

impl Tree {
    pub(super) fn new(first: u32, marker: &str) -> Self {
        let marker = format!("{MARKER}={marker}").into_bytes();
        Self { first, marker, seen: BTreeMap::new(), strangers: BTreeSet::new() }
    }

    /// Stops every process, until no new one turns up.
    pub(super) fn freeze(&mut self) {
        for pid in self.alive() {
            signal(pid, Signal::STOP);
        }
        let mut quiet = 0;
        while quiet < 2 {
            let new = self.look();
            quiet = if new.is_empty() { quiet + 1 } else { 0 };
            for pid in new {
                signal(pid, Signal::STOP);
            }
        }
    }

    /// Lets them go on.
    pub(super) fn thaw(&mut self) {
        // A process may become another program now, with another environment.
        self.strangers.clear();
        for pid in self.alive() {
            signal(pid, Signal::CONT);
        }
    }

    /// Kills every process that was seen.
    pub(super) fn kill(&self) {
        for pid in self.alive() {
            signal(pid, Signal::KILL);
        }
    }

    /// Waits until none of them runs. Killed processes are gone within milliseconds.
    pub(super) fn wait_gone(&self) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while !self.alive().is_empty() && Instant::now() < deadline {
            pause();
        }
    }

    fn alive(&self) -> Vec<u32> {
        let alive = |&(pid, started): &(&u32, &u64)| {
            stat(*pid).is_some_and(|stat| stat.started == *started)
        };
        self.seen.iter().filter(alive).map(|(pid, _)| *pid).collect()
    }

    /// Remembers the processes that were not seen before, and returns them.
    fn look(&mut self) -> Vec<u32> {
        let all = processes();
        let mut new = Vec::new();
        loop {
            let before = new.len();
            for (&pid, &Stat { parent, started }) in &all {
                let known = |pid: u32| {
                    let there = all.get(&pid).map(|stat| stat.started);
                    there.is_some() && self.seen.get(&pid).copied() == there
                };
                if known(pid) {
                    continue;
                }
                if pid == self.first || known(parent) || self.is_marked(pid, started) {
                    self.seen.insert(pid, started);
                    new.push(pid);
                }
            }
            if new.len() == before {
                return new;
            }
        }
    }

    fn is_marked(&mut self, pid: u32, started: u64) -> bool {
        if self.strangers.contains(&(pid, started)) {
            return false;
        }
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        let marked = environment.split(|byte| *byte == 0).any(|entry| entry == self.marker);
        if !marked {
            self.strangers.insert((pid, started));
        }
        marked
    }
}

fn processes() -> BTreeMap<u32, Stat> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(|pid| Some((pid, stat(pid)?)))
        .collect()
}

/// `None` for a process that is gone, or a zombie.
fn stat(pid: u32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // proc_pid_stat(5): the name is in parentheses and may hold anything; the state follows.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    if matches!(*fields.first()?, "Z" | "X") {
        return None;
    }
    Some(Stat { parent: fields.get(1)?.parse().ok()?, started: fields.get(19)?.parse().ok()? })
}

fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = Pid::from_raw(pid.cast_signed()) {
        // It may be gone by now, which is what is wanted.
        let _ = kill_process(pid, signal);
    }
}

/// A short wait.
#[expect(clippy::disallowed_methods, reason = "everything here runs on blocking threads")]
pub(crate) fn pause() {
    std::thread::sleep(Duration::from_millis(5));
}
