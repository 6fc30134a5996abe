//! The process groups the agent started and has to end when it ends.

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, kill_process_group, test_kill_process_group, waitid,
};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

use crate::orphans;

/// How often an ending group is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// Every group that may still have a process in it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Groups(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    /// By id.
    groups: HashMap<i32, Group>,
    /// Nothing starts any more.
    closed: bool,
}

/// One command's process group; its id is the process id of the command's shell.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    id: Pid,
    fate: Arc<Fate>,
}

#[derive(Debug, Default)]
struct Fate {
    /// The leader has been waited for.
    over: AtomicBool,
    /// The agent's own end came before the leader's.
    cut_short: AtomicBool,
}

impl Groups {
    /// Starts `command` as the leader of a new group.
    pub(crate) fn spawn(&self, command: &mut Command) -> io::Result<(Child, Group)> {
        // The lock is held across the start, so that the collector of orphans never takes a
        // child for one before it is listed here.
        let mut known = self.lock();
        if known.closed {
            return Err(io::Error::other("the agent is ending"));
        }
        let child = command.process_group(0).spawn()?;
        let id = child
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .and_then(Pid::from_raw)
            .ok_or_else(|| io::Error::other("the command has no process id"))?;
        let group = Group { id, fate: Arc::default() };
        known.groups.insert(id.as_raw_nonzero().get(), group.clone());
        Ok((child, group))
    }

    /// Notes that the leader of `group` has been waited for.
    pub(crate) fn leader_ended(&self, group: &Group) {
        group.fate.over.store(true, Ordering::Relaxed);
        if !group.is_alive() {
            self.lock().groups.remove(&group.id.as_raw_nonzero().get());
        }
    }

    /// Forgets groups whose last process ended, before the kernel gives their ids to others.
    pub(crate) fn forget_empty(&self) {
        self.lock().groups.retain(|_, group| group.is_alive());
    }

    /// Collects zombies that were left to the agent and that no command waits for.
    pub(crate) fn collect_orphans(&self) {
        for pid in orphans::zombies() {
            let known = self.lock();
            if !known.groups.contains_key(&pid) {
                orphans::collect(pid);
            }
        }
    }

    /// Ends everything: TERM, and KILL to what is left after `grace`. Nothing starts any more.
    ///
    /// Commands that still run are [cut short](Group::was_cut_short).
    pub(crate) async fn end_all(&self, grace: Duration) {
        self.close();
        self.signal_all(Signal::TERM);
        let kill_at = Instant::now() + grace;
        while self.any_alive() && Instant::now() < kill_at {
            sleep(LOOK).await;
            self.tidy();
        }
        // A process can start another between the look and the kill, so it takes rounds.
        let give_up = Instant::now() + Duration::from_secs(2);
        while self.any_alive() && Instant::now() < give_up {
            self.signal_all(Signal::KILL);
            sleep(LOOK).await;
            self.tidy();
        }
    }

    /// Before any signal is sent, so that no answer to one is taken for a command's own end.
    fn close(&self) {
        let mut known = self.lock();
        known.closed = true;
        for group in known.groups.values().filter(|group| !group.leader_has_exited()) {
            group.fate.cut_short.store(true, Ordering::Relaxed);
        }
    }

    /// The periodic house-keeping.
    pub(crate) fn tidy(&self) {
        self.collect_orphans();
        self.forget_empty();
    }

    fn any_alive(&self) -> bool {
        !self.lock().groups.is_empty() || orphans::any_descendant()
    }

    fn signal_all(&self, signal: Signal) {
        let ids: HashSet<i32> = self.lock().groups.keys().copied().collect();
        for id in ids.iter().copied().filter_map(Pid::from_raw) {
            send(id, signal);
        }
        orphans::signal_descendants_outside(&ids, signal);
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Group {
    /// Sends `signal` to every process of the group, unless the command is over.
    pub(crate) fn signal(&self, signal: Signal) {
        if !self.fate.over.load(Ordering::Relaxed) {
            send(self.id, signal);
        }
    }

    /// Whether the command still ran when the agent began to end. Its exit status then says how it
    /// took the signal, not how its work went.
    pub(crate) fn was_cut_short(&self) -> bool {
        self.fate.cut_short.load(Ordering::Relaxed)
    }

    /// Whether the leader ended, waited for or not. In doubt it has not.
    fn leader_has_exited(&self) -> bool {
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        self.fate.over.load(Ordering::Relaxed)
            || matches!(waitid(WaitId::Pid(self.id), look), Ok(Some(_)))
    }

    /// Ends the group of a command that still runs, and waits for it: TERM, then KILL.
    pub(crate) async fn end(&self, child: &mut Child, grace: Duration) {
        send(self.id, Signal::TERM);
        let kill_at = Instant::now() + grace;
        while Instant::now() < kill_at {
            if matches!(child.try_wait(), Ok(Some(_)) | Err(_)) && !self.is_alive() {
                return;
            }
            sleep(LOOK).await;
        }
        send(self.id, Signal::KILL);
        if let Err(error) = child.wait().await {
            tracing::warn!(%error, "a killed command could not be waited for");
        }
    }

    fn is_alive(&self) -> bool {
        test_kill_process_group(self.id) != Err(rustix::io::Errno::SRCH)
    }
}

fn send(id: Pid, signal: Signal) {
    match kill_process_group(id, signal) {
        Ok(()) | Err(rustix::io::Errno::SRCH) => {}
        Err(error) => tracing::warn!(%error, group = id.as_raw_nonzero().get(), "signal failed"),
    }
}
