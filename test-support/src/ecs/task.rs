//! One task, as the double knows it.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::watch;

use super::TaskEnd;
use crate::container::Group;
use crate::host::TaskHost;

/// The states of the task life cycle, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum State {
    Provisioning,
    Pending,
    Activating,
    Running,
    Deactivating,
    Stopping,
    Deprovisioning,
    Stopped,
}

impl State {
    /// `lastStatus`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Provisioning => "PROVISIONING",
            Self::Pending => "PENDING",
            Self::Activating => "ACTIVATING",
            Self::Running => "RUNNING",
            Self::Deactivating => "DEACTIVATING",
            Self::Stopping => "STOPPING",
            Self::Deprovisioning => "DEPROVISIONING",
            Self::Stopped => "STOPPED",
        }
    }
}

/// When things happened, in seconds since 1970.
#[derive(Debug, Default)]
pub(super) struct Times {
    pub(super) created: f64,
    pub(super) connected: Option<f64>,
    pub(super) pull_started: Option<f64>,
    pub(super) pull_stopped: Option<f64>,
    pub(super) started: Option<f64>,
    pub(super) stopping: Option<f64>,
    pub(super) execution_stopped: Option<f64>,
    pub(super) stopped: Option<f64>,
}

/// The network interface of a task.
#[derive(Debug, Clone)]
pub(super) struct Interface {
    pub(super) id: String,
    pub(super) attachment_id: String,
    pub(super) mac: String,
    pub(super) subnet: String,
    pub(super) security_groups: Vec<String>,
    pub(super) address: Ipv4Addr,
    pub(super) public_address: Option<Ipv4Addr>,
}

/// What listens at the address of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Listener {
    /// The program of the options.
    Program,
    /// A socket that accepts and says nothing.
    Silence,
    /// Nobody.
    Nobody,
}

/// How this task goes wrong.
#[derive(Debug)]
pub(super) struct Script {
    pub(super) listener: Listener,
    pub(super) refuses_key: bool,
    pub(super) hides_address: bool,
    pub(super) stays_pending: bool,
    pub(super) stops_while_pending: Option<TaskEnd>,
}

/// One task.
#[derive(Debug)]
pub(super) struct Task {
    pub(super) arn: String,
    pub(super) cluster_arn: String,
    pub(super) definition_arn: String,
    pub(super) family: String,
    /// Name and image of each container.
    pub(super) containers: Vec<(String, String)>,
    /// The first one with an environment override, or the first.
    pub(super) main_container: usize,
    pub(super) overrides: Value,
    pub(super) started_by: Option<String>,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) capacity_provider: Option<String>,
    pub(super) platform_version: String,
    pub(super) cpu: String,
    pub(super) memory: String,
    pub(super) ephemeral_gib: u64,
    pub(super) exec_enabled: bool,
    pub(super) interface: Interface,
    /// The value of `SSH_PUBLIC_KEY` in the overrides.
    pub(super) public_key: Option<String>,
    /// What the main container itself names as its command.
    pub(super) command: Vec<String>,
    pub(super) script: Script,
    pub(super) directory: PathBuf,
    pub(super) state: State,
    pub(super) version: u64,
    pub(super) times: Times,
    /// Why it ends; set once, and then the wish is STOPPED.
    pub(super) end: watch::Sender<Option<TaskEnd>>,
    /// What the first process really ended with.
    pub(super) exit_code: Option<i32>,
    pub(super) host: Option<Arc<TaskHost>>,
    /// The containers, if they are run as the definition says and not by a host. They stay to be
    /// looked at when all is over.
    pub(super) group: Option<Arc<Group>>,
}

impl Task {
    pub(super) fn moves_to(&mut self, state: State, now: f64) {
        self.state = state;
        self.version += 1;
        match state {
            State::Provisioning => {}
            State::Pending => {
                self.times.connected = Some(now);
                self.times.pull_started = Some(now);
            }
            State::Activating => self.times.pull_stopped = Some(now),
            State::Running => self.times.started = Some(now),
            State::Deactivating | State::Stopping => self.times.stopping = Some(now),
            State::Deprovisioning => self.times.execution_stopped = Some(now),
            State::Stopped => self.times.stopped = Some(now),
        }
    }

    /// Asks for the end; the first reason counts. Returns whether this was the first.
    pub(super) fn ends(&self, why: TaskEnd) -> bool {
        self.end.send_if_modified(|end| {
            let first = end.is_none();
            if first {
                *end = Some(why);
            }
            first
        })
    }

    pub(super) fn desired_status(&self) -> &'static str {
        if self.end.borrow().is_some() { "STOPPED" } else { "RUNNING" }
    }

    /// Whether the network interface shows an address by now.
    pub(super) fn shows_address(&self) -> bool {
        self.state >= State::Pending && !self.script.hides_address
    }
}
