use std::time::Duration;

use tokio::select;
use tokio::time::timeout;

use super::commands::Commands;
use super::follow::Follower;
use super::wrapper;
use crate::{ErrorKind, ExitStatus, Result};

/// How long the wrapper may take to say its process id.
const PID_PATIENCE: Duration = Duration::from_secs(3);

/// What ending a script may take beside the grace and one attempt to connect that times out: a
/// connection, the kill and its polls.
const OVERHEAD: Duration = Duration::from_secs(10);

/// Ends the script's process group and makes sure that it is gone.
///
/// By a command of its own: the script's session may be stuck behind a sink that takes nothing,
/// OpenSSH refuses the `signal` request (RFC 4254 section 6.9) for root, and Kubernetes has none.
///
/// # Errors
/// When the end could not be confirmed.
pub(super) async fn end_script<C: Commands>(
    commands: &C,
    follower: &mut Follower<C::Session>,
    grace: Duration,
) -> Result<()> {
    // The remote loop counts its sleeps, not the time between them: leave it an eighth more.
    let bound = grace + grace / 8 + commands.patience().connect + OVERHEAD;
    let ending = async {
        let Some(pid) = timeout(PID_PATIENCE, follower.wait_for_pid()).await.ok().flatten() else {
            return Err(commands.error(
                ErrorKind::ConnectionLost,
                C::END,
                format_args!("its process id never came"),
            ));
        };
        select! {
            ended = end_group(commands, pid, grace) => ended,
            () = follower.discard() => Ok(()),
        }
    };
    timeout(bound, ending).await.unwrap_or_else(|_| {
        let what = format_args!("not confirmed within {bound:?}");
        Err(commands.error(ErrorKind::Timeout, C::END, what))
    })
}

async fn end_group<C: Commands>(commands: &C, group: u32, grace: Duration) -> Result<()> {
    let command = wrapper::end_group(group, grace.as_millis() / 100);
    let failed = |kind, what: &str| Err(commands.error(kind, C::END, format_args!("{what}")));
    match commands.run(C::END, &command).await? {
        Some(status) if status.is_success() => Ok(()),
        Some(ExitStatus::Code(1)) => failed(ErrorKind::Conflict, "processes survive KILL"),
        Some(ExitStatus::Code(2)) => failed(
            ErrorKind::Unsupported,
            "commands get no process group of their own there; only the script's first process \
             was ended",
        ),
        Some(status) => {
            failed(ErrorKind::Unexpected, &format!("the kill command ended with {status}"))
        }
        None => failed(ErrorKind::ConnectionLost, "no exit status came"),
    }
}
