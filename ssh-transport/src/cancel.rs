use std::time::Duration;

use fargate_core::{ErrorKind, ExitStatus, Result};
use tokio::select;
use tokio::time::timeout;

use crate::command;
use crate::config::SshConfig;
use crate::connect::Connection;
use crate::follow::Follower;
use crate::key::SshKey;
use crate::target::Target;
use crate::wrapper;

const OP: &str = "end script over SSH";

/// How long the wrapper may take to say its process id.
const PID_PATIENCE: Duration = Duration::from_secs(3);

/// What ending a script may take beside the grace and one attempt to connect that times out: a
/// connection, the kill and its polls.
const OVERHEAD: Duration = Duration::from_secs(10);

/// Ends the script's process group and makes sure that it is gone.
///
/// Over a connection of its own: the script's may be stuck behind a sink that takes nothing, and
/// OpenSSH refuses the `signal` request (RFC 4254 section 6.9) for root.
///
/// # Errors
/// When the end could not be confirmed.
pub(crate) async fn end_script(
    config: &SshConfig,
    key: &SshKey,
    target: &Target,
    follower: &mut Follower,
    grace: Duration,
) -> Result<()> {
    // The remote loop counts its sleeps, not the time between them: leave it an eighth more.
    let bound = grace + grace / 8 + config.connect_timeout + OVERHEAD;
    let ending = async {
        let Some(pid) = timeout(PID_PATIENCE, follower.wait_for_pid()).await.ok().flatten() else {
            return Err(target.error(ErrorKind::ConnectionLost, OP, "its process id never came"));
        };
        select! {
            ended = end_group(config, key, target, pid, grace) => ended,
            () = follower.discard() => Ok(()),
        }
    };
    timeout(bound, ending).await.unwrap_or_else(|_| {
        Err(target.error(ErrorKind::Timeout, OP, format_args!("not confirmed within {bound:?}")))
    })
}

async fn end_group(
    config: &SshConfig,
    key: &SshKey,
    target: &Target,
    group: u32,
    grace: Duration,
) -> Result<()> {
    let connection = Connection::open_patiently(config, key, target).await?;
    let command = wrapper::end_group(group, grace.as_millis() / 100);
    let status = command::run(&connection, target, OP, command).await?;
    connection.close().await;
    match status {
        Some(status) if status.is_success() => Ok(()),
        Some(ExitStatus::Code(1)) => {
            Err(target.error(ErrorKind::Conflict, OP, "processes survive KILL"))
        }
        Some(ExitStatus::Code(2)) => Err(target.error(
            ErrorKind::Unsupported,
            OP,
            "the server gives commands no process group of their own; only the script's first \
             process was ended",
        )),
        Some(status) => Err(target.error(
            ErrorKind::Unexpected,
            OP,
            format_args!("the kill command ended with {status}"),
        )),
        None => Err(target.error(ErrorKind::ConnectionLost, OP, "no exit status came")),
    }
}
