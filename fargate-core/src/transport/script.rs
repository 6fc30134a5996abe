//! One script, from its first byte sent to its end.

use tokio_util::sync::CancellationToken;

use super::commands::{Commands, Input, Session};
use super::follow::{Follower, Trouble};
use super::{end, wrapper};
use crate::{Error, ErrorKind, ExecRequest, ExitStatus, OutputSink, Result};

/// Runs one script to its end over `commands`.
///
/// # Behavior
/// Points 1 to 5 of [`RemoteExec::exec`](crate::RemoteExec::exec). The script travels on standard
/// input, is stored without a name, and is run by an interpreter of its own.
///
/// # Errors
/// As there. That the task is the right one is the caller's to see to.
///
/// # Cancel safety
/// Not cancel-safe; use [`ExecRequest::cancel`].
pub async fn run_script<C: Commands>(
    commands: &C,
    request: ExecRequest,
    out: &mut dyn OutputSink,
) -> Result<ExitStatus> {
    let nonce = format!("{:032x}", fastrand::u128(..));
    let command = wrapper::receive(&nonce, request.script.len(), request.interpreter, C::STATUS);
    let Some(started) = before(&request.cancel, commands.start(&command)).await else {
        // The receiving shell finds less than the whole script and ends.
        return Err(cancelled(commands, "cancelled before the script started"));
    };
    let (session, input) = started?;
    let mut follower = Follower::new(session, C::RUN, nonce, commands.patience());
    let upload = input.send(request.script.clone());
    match before(&request.cancel, follower.follow(upload, out, commands)).await {
        // A status that arrives after the caller gave up changes nothing.
        None => {}
        Some(_) if request.cancel.is_cancelled() => {}
        Some(Ok(status)) => {
            follower.into_session().close().await;
            return Ok(status);
        }
        Some(Err(Trouble::Script(error))) => return Err(error),
        Some(Err(Trouble::Sink(error))) => {
            return Err(end_confirmed(commands, &mut follower, &request, error).await);
        }
    }
    let error = cancelled(commands, "cancelled");
    Err(end_confirmed(commands, &mut follower, &request, error).await)
}

/// Ends the script and says so in `error` if that cannot be confirmed.
async fn end_confirmed<C: Commands>(
    commands: &C,
    follower: &mut Follower<C::Session>,
    request: &ExecRequest,
    error: Error,
) -> Error {
    match end::end_script(commands, follower, request.grace).await {
        Ok(()) => error,
        Err(cause) => {
            tracing::warn!(%cause, "the script may still be running");
            error.with("end of the script", format!("not confirmed: {}", cause.message()))
        }
    }
}

fn cancelled<C: Commands>(commands: &C, what: &str) -> Error {
    commands.error(ErrorKind::Cancelled, C::RUN, format_args!("{what}"))
}

/// The result of `work`, unless `cancel` comes first.
async fn before<T>(cancel: &CancellationToken, work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        () = cancel.cancelled() => None,
        done = work => Some(done),
    }
}
