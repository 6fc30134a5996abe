//! A command in a container: what is asked for, and whether it can be.

use std::sync::Arc;

use serde_json::Value;

use super::handshake::{Accepted, Handshake};
use super::wire::{Incoming, Wire};
use super::{session, status, target};
use crate::eks::call::Call;
use crate::eks::process::environment;
use crate::eks::refusal::Refusal;
use crate::eks::state::World;
use crate::host::ExecRequest;

/// The channels, from `remotecommand/constants.go` of Kubernetes' apimachinery.
pub(super) const STDIN: u8 = 0;
pub(super) const STDOUT: u8 = 1;
pub(super) const STDERR: u8 = 2;
pub(super) const STATUS: u8 = 3;
pub(super) const CLOSE: u8 = 255;

/// How the client and the server speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    V4,
    /// Channels can be closed one by one.
    V5,
}

impl Protocol {
    fn name(self) -> &'static str {
        match self {
            Self::V4 => "v4.channel.k8s.io",
            Self::V5 => "v5.channel.k8s.io",
        }
    }
}

/// A command that was let in.
#[derive(Debug)]
pub(super) struct Exec {
    pub(super) world: Arc<World>,
    pub(super) uid: String,
    pub(super) protocol: Protocol,
    /// Among the containers of the pod.
    pub(super) container: usize,
    pub(super) request: ExecRequest,
    /// Why the kubelet does not try.
    refusal: Option<String>,
}

pub(super) fn open(
    world: &Arc<World>,
    call: &Call,
    pod: &Value,
    handshake: &Handshake,
) -> Result<(Exec, Accepted), Refusal> {
    let container = target::container(pod, call.query.get("container").map(String::as_str))?;
    target::check_host(pod)?;
    handshake.check()?;
    if call.flag("tty") {
        return Err(Refusal::bad_request("there are no terminals here"));
    }
    let newest = Protocol::V5;
    let protocol = if handshake.offers(newest.name()) && !world.options.streams.only_v4 {
        newest
    } else {
        Protocol::V4
    };
    let request = ExecRequest {
        command: call.all("command").into_iter().map(str::to_owned).collect(),
        environment: environment(&pod["spec"]["containers"][container]),
        stdin: call.flag("stdin"),
        stdout: call.flag("stdout"),
        stderr: call.flag("stderr"),
    };
    let refusal = refusal(&request, pod, container).or_else(|| unreachable_kubelet(world));
    if protocol == Protocol::V4
        && let Some((code, why)) = &refusal
    {
        return Err(Refusal::passed_on(*code, why.as_str()));
    }
    let accepted = handshake.accept(&[protocol.name()])?;
    let refusal = refusal.map(|(_, why)| why);
    let (world, uid) = (Arc::clone(world), target::uid(pod));
    Ok((Exec { world, uid, protocol, container, request, refusal }, accepted))
}

/// Why the kubelet refuses, and with which HTTP status.
fn refusal(request: &ExecRequest, pod: &Value, container: usize) -> Option<(u16, String)> {
    if !request.stdin && !request.stdout && !request.stderr {
        return Some((400, "you must specify at least 1 of stdin, stdout, stderr".to_owned()));
    }
    if !target::runs(pod, container) {
        let name = pod["spec"]["containers"][container]["name"].as_str().unwrap_or_default();
        return Some((500, format!("container not found ({name:?})")));
    }
    None
}

fn unreachable_kubelet(world: &World) -> Option<(u16, String)> {
    let mut memory = world.memory();
    memory.unreachable_kubelet = memory.unreachable_kubelet.checked_sub(1)?;
    Some((500, "error dialing backend: dial tcp 10.0.0.7:10250: i/o timeout".to_owned()))
}

impl Exec {
    /// Runs the command to its end. `incoming` is the other half of `wire`.
    pub(super) async fn run(self, wire: &Wire, incoming: Option<Incoming>) {
        // The first message is empty and says that the connection stands; it goes to the first
        // channel that is written to (`createWebSocketStreams` of the API server).
        let first = match (self.request.stdout, self.request.stderr) {
            (true, _) => STDOUT,
            (false, true) => STDERR,
            (false, false) => STATUS,
        };
        wire.send(first, &[]).await;
        match self.refusal {
            Some(why) => session::tell(&self.world, wire, &status::refused(&why)).await,
            None => session::run(&self, wire, incoming).await,
        }
    }
}
