//! Commands in pods and ports of pods, over WebSockets.
//!
//! What comes before the switch to a WebSocket is the API server's (its `registry/core/pod`), or
//! the kubelet's answer passed on. With `v5.channel.k8s.io` the API server switches first and asks
//! the kubelet then, so that the kubelet's refusal comes in the status channel.

mod exec;
mod forward;
mod handshake;
mod input;
mod output;
mod session;
mod status;
pub(super) mod target;
mod wire;

use std::sync::Arc;

use hyper::http::request::Parts;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::Role;

use self::exec::Exec;
use self::forward::Forward;
use self::handshake::Handshake;
use self::wire::{Incoming, Wire};
use super::call::{Call, Stream, Target};
use super::dispatch;
use super::faults::Trouble;
use super::refusal::Refusal;
use super::state::{Cuts, World};

/// A connection that is about to become a WebSocket.
#[derive(Debug)]
pub(super) struct Upgrade {
    headers: Vec<(&'static str, String)>,
    work: Work,
}

#[derive(Debug)]
enum Work {
    Exec(Box<Exec>),
    Forward(Forward),
}

/// Decides about a call; nothing has started yet.
pub(super) fn open(world: &Arc<World>, call: &Call, parts: &Parts) -> Result<Upgrade, Refusal> {
    let Target::Stream { stream, namespace, name } = &call.target else {
        return Err(Refusal::no_such_path());
    };
    check_create(world, call, name)?;
    let pod = target::find(world, namespace, name)?;
    let handshake = Handshake::read(parts);
    let (work, accepted) = match stream {
        Stream::Exec => {
            let (exec, accepted) = exec::open(world, call, &pod, &handshake)?;
            (Work::Exec(Box::new(exec)), accepted)
        }
        Stream::PortForward => {
            let (forward, accepted) = forward::open(world, call, &pod, &handshake)?;
            (Work::Forward(forward), accepted)
        }
    };
    Ok(Upgrade { headers: accepted.headers(), work })
}

/// Whether the caller may create what a WebSocket only gets. In `ensureAuthorizedForVerb` of the
/// API server's `registry/core/pod/rest/authorize.go`; the reason is RBAC's, which gives none.
fn check_create(world: &World, call: &Call, name: &str) -> Result<(), Refusal> {
    if call.verb == "create" || !world.options.streams.needs_create {
        return Ok(());
    }
    let fate = world.memory().faults.fate("create", call.resource());
    match fate.trouble {
        None => Ok(()),
        Some(Trouble::Forbidden) => Err(Refusal::not_admitted("pods", name, "")),
        Some(trouble) => Err(dispatch::refusal(world, call, trouble)),
    }
}

impl Upgrade {
    pub(super) fn headers(&self) -> Vec<(&'static str, String)> {
        self.headers.clone()
    }

    /// Goes on as a WebSocket once the answer is out.
    pub(super) fn run(self, world: &Arc<World>, upgraded: OnUpgrade, cuts: Cuts) {
        let task = tokio::spawn(async move {
            // Without a connection nothing was begun.
            let Ok(upgraded) = upgraded.await else { return };
            let io = TokioIo::new(upgraded);
            let socket = WebSocketStream::from_raw_socket(io, Role::Server, None).await;
            let (wire, incoming) = Wire::new(socket);
            tokio::select! {
                () = self.work.run(&wire, Some(incoming)) => {}
                never = wire.cut_with(cuts) => match never {},
            }
        });
        world.memory().tasks.push(task.abort_handle());
    }

    /// Does the same without a connection.
    pub(super) fn run_unheard(self, world: &Arc<World>) {
        let task = tokio::spawn(async move { self.work.run(&Wire::lost(), None).await });
        world.memory().tasks.push(task.abort_handle());
    }
}

impl Work {
    async fn run(self, wire: &Wire, incoming: Option<Incoming>) {
        match (self, incoming) {
            (Self::Exec(exec), incoming) => exec.run(wire, incoming).await,
            (Self::Forward(forward), Some(incoming)) => forward.run(wire, incoming).await,
            // Without a connection there is nothing to forward.
            (Self::Forward(_), None) => {}
        }
    }
}
