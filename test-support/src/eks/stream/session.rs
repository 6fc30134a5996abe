//! A command that runs, and its connection.

use std::future::pending;

use serde_json::Value;
use tokio::process::Child;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::exec::{Exec, STATUS, STDERR, STDOUT};
use super::wire::{Incoming, Wire};
use super::{input, output, status};
use crate::eks::state::World;
use crate::host::{ExecFailure, exit_code};
use crate::random;

/// Starts the command, passes its streams on and says how it ended. Without a client it goes on
/// all the same.
pub(super) async fn run(exec: &Exec, wire: &Wire, incoming: Option<Incoming>) {
    let id = random::hex(64);
    match start(exec, &id).await {
        Err(why) => tell(&exec.world, wire, &status::failed(exec.protocol, &why)).await,
        Ok(mut child) => {
            let stdin = child.stdin.take();
            tokio::select! {
                () = attend(exec, &id, child, wire) => {}
                () = async {
                    input::pass_on(exec.protocol, wire, incoming, stdin).await;
                    // The connection is over; the command is not.
                    pending::<()>().await;
                } => {}
            }
        }
    }
}

/// Sends the status, which ends the connection.
pub(super) async fn tell(world: &World, wire: &Wire, status: &Value) {
    wire.send(STATUS, status.to_string().as_bytes()).await;
    wire.close().await;
    if world.options.streams.waits_for_close {
        wire.until_lost().await;
    }
}

/// The error is said in containerd's words.
async fn start(exec: &Exec, id: &str) -> Result<Child, String> {
    let processes = exec.world.with_life(&exec.uid, |life| life.processes()).flatten();
    let Some(processes) = processes else { return Err(explain(ExecFailure::NotRunning, id)) };
    let (container, request) = (exec.container, exec.request.clone());
    match spawn_blocking(move || processes.exec(container, &request)).await {
        Ok(started) => started.map_err(|failure| explain(failure, id)),
        Err(panicked) => Err(panicked.to_string()),
    }
}

fn explain(failure: ExecFailure, id: &str) -> String {
    match failure {
        ExecFailure::NotRunning => "container is in CONTAINER_EXITED state".to_owned(),
        ExecFailure::CannotStart(why) => format!(
            "failed to start exec \"{id}\": OCI runtime exec failed: exec failed: unable to start \
             container process: {why}: unknown"
        ),
    }
}

/// Passes output on and waits for the end of the command and of its output. What it left behind
/// may hold that open for as long as it likes (`drainExecSyncIO` of containerd).
async fn attend(exec: &Exec, id: &str, mut child: Child, wire: &Wire) {
    let options = &exec.world.options.streams;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let lost = options.lost_output;
    let mut drained = std::pin::pin!(async {
        // What comes out is a pipe that stays open and is not read any more.
        tokio::join!(
            output::pass_on(exec.protocol, lost, wire, STDOUT, stdout),
            output::pass_on(exec.protocol, lost, wire, STDERR, stderr),
        )
    });
    let mut kept = None;
    let ended = loop {
        tokio::select! {
            ended = child.wait() => break ended,
            pipes = &mut drained, if kept.is_none() => kept = Some(pipes),
        }
    };
    let status = match ended {
        Ok(ended) => status::ended(exec.protocol, &exec.request.command, exit_code(ended)),
        Err(error) => status::failed(exec.protocol, &error.to_string()),
    };
    let status = match options.drain_timeout {
        _ if kept.is_some() => status,
        None => {
            drained.await;
            status
        }
        Some(limit) => match timeout(limit, drained).await {
            Ok(_) => status,
            Err(_) => status::failed(
                exec.protocol,
                &format!(
                    "failed to drain exec process \"{id}\" io in {limit:?} because io is still \
                     held by other processes"
                ),
            ),
        },
    };
    tell(&exec.world, wire, &status).await;
}
