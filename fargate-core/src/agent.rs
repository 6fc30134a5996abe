//! The agent that is put into the containers of a task.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::{Error, ErrorKind, ExecRequest, Result, TaskImage, TaskService};

/// Runs images as they are, with an agent that comes with the task.
///
/// A container of [`image`](Self::image) copies the agent into a volume before the others start;
/// they run it from there. It reads what it is to do from its environment alone, so that an entry
/// point may swallow arguments. What the containers of a task have in common on every platform is
/// said here; how they are written down is each backend's.
///
/// Start from [`AgentSetup::new`] and set the public fields.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AgentSetup {
    /// The image whose entry point, called with [`INSTALL`](Self::INSTALL), copies the static agent
    /// into the volume. It must fit the CPU architecture of the task.
    pub image: TaskImage,
    /// TCP port the agent of the job's container listens on, on every address of the task. That of
    /// the helper container listens on the next one. Not 0 and not the last.
    pub port: u16,
    /// The image of a second container, for what a job does beside its own scripts: sources, cache
    /// and artifacts. `None`: there is none, and all of it is done in the job's image.
    pub helper: Option<TaskImage>,
    /// Where both containers share what the job is built in, and its cache.
    pub shared: Vec<String>,
    /// How long a service may take until its port accepts connections.
    pub service_timeout: Duration,
}

impl AgentSetup {
    /// Name of the container that brings the agent, and of the volume it comes in.
    pub const BRINGER: &str = "fargate-agent";
    /// Name of the helper container.
    pub const HELPER: &str = "fargate-helper";
    /// Where the volume is mounted.
    pub const DIRECTORY: &str = "/fargate";
    /// The agent, in every container but the one that brings it.
    pub const PROGRAM: &str = "/fargate/fargate-agent";
    /// What the container that brings the agent is called with.
    pub const INSTALL: [&str; 2] = ["install", Self::DIRECTORY];
    /// The variable with the address to listen on.
    pub const LISTEN: &str = "FARGATE_AGENT_LISTEN";
    /// The variable with host names that mean the task itself, separated by spaces.
    pub const HOSTS: &str = "FARGATE_AGENT_HOSTS";
    /// The variable with the file mode mask, in octal.
    pub const UMASK: &str = "FARGATE_AGENT_UMASK";
    /// The variable with directories to look for programs in after those of `PATH`.
    pub const MORE_PATH: &str = "FARGATE_AGENT_PATH";
    /// The agent's exit code in an image without a shell. A platform tells a task's exit code, but
    /// not its log.
    pub const NO_SHELL: u8 = 5;
    /// The variable with the time after which the agent ends, and the task with it, such as `2h`.
    pub const DEADLINE: &str = "FARGATE_AGENT_DEADLINE";
    /// Links to programs under the names that scripts use, in the volume.
    pub const LINKS: &str = "/fargate/bin";

    /// The agent of `image` on port 2222, without a helper.
    pub fn new(image: impl Into<String>) -> Self {
        Self {
            image: TaskImage::new(image),
            port: 2222,
            helper: None,
            shared: vec!["/builds".to_owned(), "/cache".to_owned()],
            service_timeout: Duration::from_secs(30),
        }
    }

    /// Finds what cannot work.
    ///
    /// # Errors
    /// `InvalidConfig`.
    pub fn check(&self) -> Result<()> {
        let wrong = |message: String, hint: &str| {
            Err(Error::new(ErrorKind::InvalidConfig, "check the agent's settings", message)
                .hint(hint.to_owned()))
        };
        if self.image.name.trim().is_empty() {
            return wrong("AgentImage is empty".into(), "set AgentImage, or leave it out");
        }
        if self.helper.as_ref().is_some_and(|helper| helper.name.trim().is_empty()) {
            return wrong("HelperImage is empty".into(), "set HelperImage, or leave it out");
        }
        if self.port == 0 || self.port == u16::MAX {
            return wrong(
                format!("the agent's port is {}", self.port),
                "set a port from 1 to 65534 that the security groups let in, and the next one",
            );
        }
        let trimmed = |path: &String| path.trim_end_matches('/').to_owned();
        let different: BTreeSet<String> = self.shared.iter().map(trimmed).collect();
        if different.len() < self.shared.len() || self.helper.is_some() && self.shared.is_empty() {
            return wrong(
                "SharedDirectories names none, or one twice".into(),
                "name each once: with a helper the first is what jobs are built in",
            );
        }
        for path in &self.shared {
            let plain = path.starts_with('/')
                && path.len() > 1
                && path.split('/').all(|part| !matches!(part, "." | ".."));
            if !plain || path.trim_end_matches('/') == Self::DIRECTORY {
                return wrong(
                    format!("{path:?} is no directory that containers can share"),
                    "name an absolute path other than the root and /fargate",
                );
            }
        }
        Ok(())
    }

    /// The port of the helper container's agent.
    #[must_use]
    pub fn helper_port(&self) -> u16 {
        self.port.saturating_add(1)
    }

    /// The environment of the agent in the job's container, where the services' names are its
    /// business (`hosts`).
    #[must_use]
    pub fn job_environment(&self, hosts: &[&str]) -> BTreeMap<&'static str, String> {
        environment(self.port, hosts)
    }

    /// The environment of the agent in the helper container. Whatever it makes is everybody's, so
    /// that the job's user can work with it, as GitLab Runner has it in its own executors.
    #[must_use]
    pub fn helper_environment(&self, hosts: &[&str]) -> BTreeMap<&'static str, String> {
        let mut all = environment(self.helper_port(), hosts);
        all.insert(Self::UMASK, "000".to_owned());
        all.insert(Self::MORE_PATH, Self::LINKS.to_owned());
        all
    }

    /// What to do about a container that was to run the agent and ended with `code`.
    #[must_use]
    pub fn exit_hint(code: Option<i32>) -> &'static str {
        if code == Some(i32::from(Self::NO_SHELL)) {
            "exit code 5 is the agent's in an image without a shell: use one with /bin/sh, or with \
             an sh on its PATH; busybox's is enough"
        } else {
            "the container's main process ended: an entry point of the image has to run the command \
             it is given, as exec \"$@\" does; see the container's log"
        }
    }

    /// Waits in the job's container until `service` accepts connections: exit code 0, or 1 when the
    /// time is over. `None` where its port is not known.
    #[must_use]
    pub fn service_check(&self, service: &TaskService) -> Option<ExecRequest> {
        let port = service.port?.to_string();
        let timeout = format!("{}s", self.service_timeout.as_secs().max(1));
        let words = [Self::PROGRAM, "wait-port", "--timeout", timeout.as_str(), port.as_str()];
        Some(ExecRequest::command(words))
    }
}

fn environment(port: u16, hosts: &[&str]) -> BTreeMap<&'static str, String> {
    let mut all = BTreeMap::from([(AgentSetup::LISTEN, format!("0.0.0.0:{port}"))]);
    if !hosts.is_empty() {
        all.insert(AgentSetup::HOSTS, hosts.join(" "));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_work_is_named() {
        assert!(AgentSetup::new("agent:1").check().is_ok());
        type Break = fn(&mut AgentSetup);
        let table: [(&str, Break); 8] = [
            ("AgentImage", |setup| setup.image.name = " ".to_owned()),
            ("HelperImage", |setup| setup.helper = Some(TaskImage::new(""))),
            ("port is 0", |setup| setup.port = 0),
            ("port is 65535", |setup| setup.port = u16::MAX),
            ("share", |setup| setup.shared.push("builds".to_owned())),
            ("share", |setup| setup.shared.push("/fargate/".to_owned())),
            ("twice", |setup| setup.shared.push("/builds/".to_owned())),
            ("none", |setup| {
                setup.helper = Some(TaskImage::new("helper:1"));
                setup.shared.clear();
            }),
        ];
        for (word, break_it) in table {
            let mut setup = AgentSetup::new("agent:1");
            break_it(&mut setup);
            let error = setup.check().expect_err(word);
            assert!(error.message().contains(word), "{error}");
        }
    }

    #[test]
    fn job_and_helper_listen_on_ports_of_their_own() {
        let setup = AgentSetup::new("agent:1");
        let job = setup.job_environment(&["db", "cache"]);
        assert_eq!(job[AgentSetup::LISTEN], "0.0.0.0:2222");
        assert_eq!(job[AgentSetup::HOSTS], "db cache");
        let helper = setup.helper_environment(&[]);
        assert_eq!(helper[AgentSetup::LISTEN], "0.0.0.0:2223");
        assert!(!helper.contains_key(AgentSetup::HOSTS));
    }
}
