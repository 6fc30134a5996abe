//! The runner's SIGTERM, and a person's Ctrl-C.

use fargate_core::{Error, ErrorKind, Result};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// A token that is cancelled at the first SIGTERM, SIGINT or SIGHUP; from then on none of them ends
/// the process. GitLab Runner sends SIGTERM to the whole process group, a closed terminal SIGHUP.
///
/// # Errors
/// `Unexpected` when the handlers cannot be installed.
pub(crate) fn cancelled_by_signal() -> Result<CancellationToken> {
    let failed = |error: std::io::Error| {
        Error::new(ErrorKind::Unexpected, "listen for signals", error.to_string())
    };
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut hangup = signal(SignalKind::hangup()).map_err(failed)?;
    let cancel = CancellationToken::new();
    let cancelled = cancel.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = hangup.recv() => {}
        }
        cancelled.cancel();
    });
    Ok(cancel)
}

/// Says where a cancel came from: the error's own words do not know of signals.
pub(super) fn explain(error: Error) -> Error {
    if error.kind() != ErrorKind::Cancelled {
        return error;
    }
    error
        .with(
            "reason",
            "a signal: GitLab Runner sends SIGTERM when a job is cancelled or its time is up",
        )
        .hint("raise the job's timeout if it was too short")
}

/// Lets the process outlive these signals: cleanup finishes what it began.
///
/// # Errors
/// `Unexpected` when the handlers cannot be installed.
pub(super) fn ignore() -> Result<()> {
    cancelled_by_signal().map(|_never_read| ())
}
