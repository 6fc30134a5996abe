//! What a test can see of a task without asking over HTTP.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use super::task::Task;
use crate::container::Standing;

/// A task at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskView {
    /// The task's ARN.
    pub arn: String,
    /// `lastStatus`, such as "RUNNING".
    pub status: String,
    /// The tag `fargate:key`.
    pub key: Option<String>,
    /// Every tag.
    pub tags: BTreeMap<String, String>,
    /// `startedBy`.
    pub started_by: Option<String>,
    /// The private address.
    pub address: Ipv4Addr,
    /// The public address, if it has one.
    pub public_address: Option<Ipv4Addr>,
    /// The subnet.
    pub subnet: String,
    /// The capacity provider; `None` where a launch type was given.
    pub capacity_provider: Option<String>,
    /// The process that listens at the address, while there is one. Of containers: the first
    /// process of the one that is given `SSH_PUBLIC_KEY`, or of the first container.
    pub pid: Option<u32>,
    /// The containers, where they are run as the definition says.
    pub containers: Vec<ContainerView>,
    /// The host key that process shows, as one OpenSSH line without a comment.
    pub host_key: Option<String>,
    /// `SSH_PUBLIC_KEY` of the overrides.
    pub public_key: Option<String>,
    /// `stoppedReason`, once the end is decided.
    pub stopped_reason: Option<String>,
}

/// A container at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerView {
    /// Its name in the task definition.
    pub name: String,
    /// `lastStatus`.
    pub status: String,
    /// Its first process, in the eyes of the test.
    pub pid: Option<u32>,
    /// `exitCode`.
    pub exit_code: Option<i32>,
}

impl TaskView {
    pub(super) fn of(task: &Task) -> Self {
        let standings = task.group.as_ref().map(|group| group.standings()).unwrap_or_default();
        let pid = match standings.get(task.main_container) {
            Some(main) => main.pid,
            None => task.host.as_ref().and_then(|host| host.pid()),
        };
        let view = |((name, _), standing): (&(String, String), Standing)| ContainerView {
            name: name.clone(),
            status: standing.status.to_owned(),
            pid: standing.pid,
            exit_code: standing.code,
        };
        Self {
            arn: task.arn.clone(),
            status: task.state.name().to_owned(),
            key: task.tags.get("fargate:key").cloned(),
            tags: task.tags.clone(),
            started_by: task.started_by.clone(),
            address: task.interface.address,
            public_address: task.interface.public_address,
            subnet: task.interface.subnet.clone(),
            capacity_provider: task.capacity_provider.clone(),
            pid,
            containers: task.containers.iter().zip(standings).map(view).collect(),
            host_key: task.host.as_ref().and_then(|host| host.host_key()),
            public_key: task.public_key.clone(),
            stopped_reason: task.end.borrow().as_ref().map(|end| end.reason.clone()),
        }
    }
}
