//! A pod's containers, run as their images say.

mod expansion;
mod plan;
mod statuses;

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use tokio::process::Child;

use super::pod_status::Spot;
use crate::container::{ContainerPlan, Group, ImageRoot, Shared, Standing};
use crate::host::{ExecFailure, ExecRequest};
use crate::json::{list, text, texts};

/// What a pod says of its containers.
#[derive(Debug)]
pub(super) struct Plan {
    containers: Vec<ContainerPlan>,
    inits: usize,
}

/// The containers of a pod: `initContainers` and then `containers`, each in its order.
#[derive(Debug)]
pub(super) struct Containers {
    group: Group,
    inits: usize,
}

/// The mode of an `emptyDir`, from the kubelet's `pkg/volume/emptydir/empty_dir.go`.
const EMPTY_DIR: u32 = 0o777;

impl Plan {
    /// `None` if the pod names none of the images, so that it runs the program of the options.
    pub(super) fn of(pod: &Value, images: &BTreeMap<String, ImageRoot>) -> Option<Self> {
        let (inits, containers) =
            (list(&pod["spec"], "initContainers"), list(&pod["spec"], "containers"));
        let known = |container: &Value| {
            text(container, "image").is_some_and(|image| images.contains_key(image))
        };
        inits.iter().chain(containers).any(known).then(|| Self {
            containers: plan::plans(pod, inits, containers, images),
            inits: inits.len(),
        })
    }

    /// Its containers, for a pod with that directory and address.
    pub(super) fn at(self, directory: PathBuf, address: Ipv4Addr, pod: &Value) -> Containers {
        let shared =
            Shared { addresses: vec![address], hosts: hosts(pod, address), volume_mode: EMPTY_DIR };
        Containers { group: Group::new(self.containers, directory, shared), inits: self.inits }
    }
}

/// `/etc/hosts`, as the kubelet writes it (`nodeHostsFileContent` and `hostsEntriesFromHostAliases`
/// of its `kubelet_pods.go`).
fn hosts(pod: &Value, address: Ipv4Addr) -> String {
    let name = text(&pod["metadata"], "name").unwrap_or_default();
    let mut hosts = format!(
        "# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost \
         ip6-loopback\n{address}\t{name}\n"
    );
    let aliases = list(&pod["spec"], "hostAliases");
    if !aliases.is_empty() {
        hosts += "\n# Entries added by HostAliases.\n";
    }
    for alias in aliases {
        let names = texts(alias, "hostnames").join("\t");
        hosts += &format!("{}\t{names}\n", text(alias, "ip").unwrap_or_default());
    }
    hosts
}

impl Containers {
    /// The first container whose image nobody has, and the image.
    pub(super) fn unknown_image(&self) -> Option<(Spot, String)> {
        let index = self.group.unknown_image()?;
        Some((self.spot(index), self.group.plans[index].image.clone()))
    }

    /// Makes what the containers share.
    pub(super) fn open(&self) -> Result<(), String> {
        self.group.open().map_err(|error| error.to_string())
    }

    /// Starts what may start.
    pub(super) fn step(&self) {
        // No container is essential; what has ended is found by its standing.
        let _step = self.group.step();
    }

    /// Writes into the pod how far the containers are; whether all of them are over.
    pub(super) fn write(&self, pod: &mut Value) -> bool {
        let standings = self.group.standings();
        let (inits, mains) = standings.split_at(self.inits);
        statuses::write(pod, inits, mains)
    }

    /// Starts a command in the container of that index, which counts `containers` only.
    pub(super) fn exec(&self, index: usize, request: &ExecRequest) -> Result<Child, ExecFailure> {
        self.group.exec(self.inits + index, request)
    }

    /// Connects to a port of the pod's localhost.
    pub(super) fn dial(&self, port: u16) -> io::Result<TcpStream> {
        self.group.dial(port)
    }

    /// What a container has written, or all of them one after the other.
    pub(super) fn log(&self, container: Option<&str>) -> String {
        self.group.log(container)
    }

    /// The first process of the container of that index.
    pub(super) fn pid(&self, index: usize) -> Option<u32> {
        self.standing(index)?.pid
    }

    /// What the container of that index ended with.
    pub(super) fn code(&self, index: usize) -> Option<i32> {
        self.standing(index)?.code
    }

    fn standing(&self, index: usize) -> Option<Standing> {
        self.group.standings().into_iter().nth(self.inits + index)
    }

    /// Ends all of them.
    pub(super) fn terminate(&self, grace: Duration) {
        if grace.is_zero() { self.group.kill() } else { self.group.terminate(grace) }
    }

    fn spot(&self, index: usize) -> Spot {
        match index.checked_sub(self.inits) {
            Some(index) => Spot::main(index),
            None => Spot::init(index),
        }
    }
}
