//! The runner's SIGTERM, and a person's Ctrl-C.

use fargate_core::{Error, ErrorKind, Result};
use fargate_task_agent::EndSignals;
use tokio_util::sync::CancellationToken;

/// A token that is cancelled at the first SIGTERM, SIGINT or SIGHUP; from then on none of them ends
/// the process. GitLab Runner sends SIGTERM to the whole process group, a closed terminal SIGHUP.
///
/// # Errors
/// `Unexpected` when the handlers cannot be installed.
pub(crate) fn cancelled_by_signal() -> Result<CancellationToken> {
    let mut signals = EndSignals::new().map_err(|error| {
        Error::new(ErrorKind::Unexpected, "listen for signals", error.to_string())
    })?;
    let cancel = CancellationToken::new();
    let cancelled = cancel.clone();
    tokio::spawn(async move {
        signals.recv().await;
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
