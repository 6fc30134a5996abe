//! The part of a pod that is not in the API: its process, and what is to become of it.

use std::io;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::process::Child;
use tokio::sync::watch;
use tokio::time::Instant;

use super::containers::Containers;
use super::state::World;
use super::store::Key;
use super::{PodEnd, PodFault};
use crate::host::{ExecFailure, ExecRequest, HostSpec, TaskHost};

/// A pod, as the double knows it.
#[derive(Debug)]
pub(super) struct Life {
    /// Pods in the order of their creation.
    pub(super) number: u64,
    pub(super) key: Key,
    pub(super) directory: PathBuf,
    pub(super) address: Ipv4Addr,
    pub(super) script: Vec<PodFault>,
    /// The container that is the program.
    pub(super) main: usize,
    pub(super) orders: watch::Sender<Orders>,
    /// When the node took it.
    pub(super) started: Option<Instant>,
    pub(super) host: Option<Arc<TaskHost>>,
    /// Instead of the program of the options.
    pub(super) containers: Option<Arc<Containers>>,
    /// The newest state, of a pod that is gone the last.
    pub(super) last: Value,
    pub(super) gone: bool,
}

/// What a life has to do.
#[derive(Debug, Clone, Default)]
pub(super) struct Orders {
    /// End in this way; the first counts.
    pub(super) end: Option<PodEnd>,
    /// It is being deleted; the processes are killed at this moment.
    pub(super) kill_at: Option<Instant>,
    /// It is not in the API any more.
    pub(super) gone: bool,
}

impl Orders {
    pub(super) fn any(&self) -> bool {
        self.end.is_some() || self.kill_at.is_some() || self.gone
    }
}

/// What runs of a pod.
#[derive(Debug, Clone)]
pub(super) enum Processes {
    Program(Arc<TaskHost>),
    Containers(Arc<Containers>),
}

impl Processes {
    /// Starts a command in the container of that index.
    pub(super) fn exec(
        &self,
        container: usize,
        request: &ExecRequest,
    ) -> Result<Child, ExecFailure> {
        match self {
            Self::Program(host) => host.exec(request),
            Self::Containers(containers) => containers.exec(container, request),
        }
    }

    /// Ends them within `grace`; returns the exit code of the container of that index.
    pub(super) fn terminate(&self, main: usize, grace: Duration) -> Option<i32> {
        match self {
            Self::Program(host) => host.terminate(grace),
            Self::Containers(containers) => {
                containers.terminate(grace);
                containers.code(main)
            }
        }
    }

    /// Ends them at once.
    pub(super) fn kill(&self) {
        match self {
            Self::Program(host) => host.kill(),
            Self::Containers(containers) => containers.terminate(Duration::ZERO),
        }
    }
}

impl Life {
    /// What runs, or may be about to.
    pub(super) fn processes(&self) -> Option<Processes> {
        let containers = self.containers.clone().map(Processes::Containers);
        containers.or_else(|| self.host.clone().map(Processes::Program))
    }

    pub(super) fn node(&self) -> String {
        let ip = self.address.to_string().replace('.', "-");
        format!("fargate-ip-{ip}.eu-central-1.compute.internal")
    }

    /// The literal environment of the main container.
    pub(super) fn environment(&self) -> Vec<(String, String)> {
        environment(self.container(self.main))
    }

    fn container(&self, index: usize) -> &Value {
        &self.last["spec"]["containers"][index]
    }

    pub(super) fn public_key(&self) -> Option<String> {
        let all = self.environment();
        all.into_iter().find(|(name, _)| name == KEY_VARIABLE).map(|(_, value)| value)
    }

    fn has(&self, fault: &PodFault) -> bool {
        self.script.contains(fault)
    }
}

/// What lets a client in.
const KEY_VARIABLE: &str = "SSH_PUBLIC_KEY";

/// The literal environment of a container.
pub(super) fn environment(container: &Value) -> Vec<(String, String)> {
    let variables = container["env"].as_array().map(Vec::as_slice).unwrap_or_default();
    let pair = |variable: &Value| {
        let value = variable["value"].as_str().unwrap_or_default();
        Some((variable["name"].as_str()?.to_owned(), value.to_owned()))
    };
    variables.iter().filter_map(pair).collect()
}

/// The container that is given the key, or the first one.
pub(super) fn main_container(pod: &Value) -> usize {
    let containers = pod["spec"]["containers"].as_array().map(Vec::as_slice).unwrap_or_default();
    let keyed =
        |container: &Value| environment(container).iter().any(|(name, _)| name == KEY_VARIABLE);
    containers.iter().position(keyed).unwrap_or(0)
}

/// The command of a container and its arguments.
fn command(container: &Value) -> Vec<String> {
    let words = |name: &str| container[name].as_array().into_iter().flatten();
    let words = words("command").chain(words("args"));
    words.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Starts the program of a pod. Blocks for milliseconds.
pub(super) fn start(world: &World, uid: &str) -> io::Result<()> {
    let known = world.with_life(uid, |life| {
        let spec = HostSpec {
            marker: format!("eks-pod/{uid}"),
            directory: life.directory.clone(),
            addresses: vec![life.address],
            port: world.options.ssh_port,
            environment: life.environment(),
            command: command(life.container(life.main)),
            public_key: life.public_key(),
            refuses_key: life.has(&PodFault::WrongKey),
        };
        (spec, life.has(&PodFault::NoSshd), life.has(&PodFault::SilentSshd))
    });
    let Some((spec, nobody, silent)) = known else { return Ok(()) };
    let host = if nobody {
        TaskHost::nobody(spec)
    } else if silent {
        TaskHost::silence(spec)?
    } else {
        TaskHost::program(&world.options.program, spec)?
    };
    world.adopt(uid, host);
    Ok(())
}
