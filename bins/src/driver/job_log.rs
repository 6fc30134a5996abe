//! The few lines of ours in the job log, for the person whose pipeline runs.

use std::io::{self, Write};
use std::time::Duration;

use fargate_core::job::{JobEvent, Observer};
use fargate_core::{Endpoint, Error};

/// A state that is reached faster than this is not worth a line.
const SLOW: Duration = Duration::from_secs(15);

/// Writes events of a job to standard error, one plain line each.
#[derive(Debug)]
pub(super) struct JobLog;

impl Observer for JobLog {
    fn event(&self, event: &JobEvent<'_>) {
        if let Some(line) = line(event) {
            say(&line);
        }
    }
}

/// One line into the job log. A log that cannot be written is no reason to fail.
pub(crate) fn say(line: &str) {
    let _unwritable = writeln!(io::stderr().lock(), "{line}");
}

/// An error with everything that is known about it.
pub(crate) fn say_error(error: &Error) {
    tracing::debug!(kind = ?error.kind(), "{error}");
    say(&format!("ERROR: {}", error.report()));
}

fn line(event: &JobEvent<'_>) -> Option<String> {
    Some(match event {
        JobEvent::Launched { task, took } => {
            format!("Task {} accepted ({})", short(task.id()), seconds(*took))
        }
        JobEvent::Adopted { task } => {
            format!("Task {} was started by an interrupted prepare; using it", short(task.id()))
        }
        JobEvent::State { state, after } if *after >= SLOW => {
            format!("Task is {state} ({})", seconds(*after))
        }
        JobEvent::Address { endpoint: Endpoint::Ssh { host, port, .. }, after } => {
            format!("Address {host}:{port} ({})", seconds(*after))
        }
        JobEvent::Address { endpoint: Endpoint::Forwarded { port, .. }, after } => {
            format!("Port {port} through the cluster's API ({})", seconds(*after))
        }
        JobEvent::Notice(text) => (*text).to_owned(),
        JobEvent::Warning(text) => format!("WARNING: {text}"),
        JobEvent::Ready { after, .. } => format!("Ready for commands ({})", seconds(*after)),
        JobEvent::StillWaiting(error) => format!("Still trying: {}", error.report()),
        JobEvent::Trouble(error) => format!("WARNING: {}", error.report()),
        JobEvent::LeftToCleanup(error) => {
            format!("WARNING: a task may still run; cleanup will look again: {}", error.report())
        }
        JobEvent::LaunchingAgain(error) => format!("Starting another task, because {error}"),
        _ => return None,
    })
}

/// The last part of an ARN.
fn short(id: &str) -> &str {
    id.rsplit('/').next().unwrap_or(id)
}

/// Seconds with one decimal, or two below one second.
pub(crate) fn seconds(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if seconds < 1.0 { format!("{seconds:.2} s") } else { format!("{seconds:.1} s") }
}
