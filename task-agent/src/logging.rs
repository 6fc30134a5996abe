use std::process::ExitCode;

use fargate_core::{AgentSetup, Error, ErrorKind};

/// Sends the agent's log to standard error. A subscriber that is set already stays.
///
/// No log line ever holds a command, its environment or its output.
pub fn init_logging() {
    let set = tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_target(false)
        .with_max_level(tracing::Level::INFO)
        .try_init();
    if set.is_err() {
        tracing::debug!("the program has its own log");
    }
}

/// Logs why the agent could not run. Exit code [`AgentSetup::NO_SHELL`] where there is no shell,
/// else 1.
#[must_use]
#[expect(clippy::needless_pass_by_value, reason = "the end of a result chain takes the error")]
pub fn report_failure(error: Error) -> ExitCode {
    tracing::error!("{}", error.report());
    match error.kind() {
        ErrorKind::Unsupported => ExitCode::from(AgentSetup::NO_SHELL),
        _ => ExitCode::FAILURE,
    }
}
