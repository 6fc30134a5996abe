//! The few lines of ours in the job log, for the person whose pipeline runs.

use std::io::{self, Write};
use std::time::Duration;

use fargate_core::job::{JobEvent, Observer};
use fargate_core::{Endpoint, Error, TaskService};

use crate::gitlab::PORT_VARIABLE;
use crate::one_line::one_line;

/// A state that is reached faster than this is not worth a line.
const SLOW: Duration = Duration::from_secs(15);

/// How many letters of a line of a service's log are shown.
const LONGEST_LINE: usize = 400;

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
        JobEvent::ServiceUp { service, after } => {
            format!("Service {} is up ({})", service.name, seconds(*after))
        }
        JobEvent::ServiceDown { service, after, log } => service_down(service, *after, *log),
        JobEvent::ServiceUnchecked { service } => format!(
            "Service {} is not waited for: its port is not known; {PORT_VARIABLE} in its variables \
             would tell it",
            service.name
        ),
        JobEvent::StillWaiting(error) => format!("Still trying: {}", error.report()),
        JobEvent::Trouble(error) => format!("WARNING: {}", error.report()),
        JobEvent::LeftToCleanup(error) => {
            format!("WARNING: a task may still run; cleanup will look again: {}", error.report())
        }
        JobEvent::LaunchingAgain(error) => format!("Starting another task, because {error}"),
        _ => return None,
    })
}

/// A warning as GitLab's executors give it, with the end of the service's log.
fn service_down(service: &TaskService, after: Duration, log: Result<&[String], &Error>) -> String {
    let port = service.port.map(|port| format!(" on port {port}")).unwrap_or_default();
    let mut text = format!(
        "*** WARNING: Service {} probably didn't start properly: it does not accept connections{port} \
         ({}). The job goes on.",
        service.name,
        seconds(after)
    );
    match log {
        Ok([]) => text.push_str("\n    It has written nothing."),
        Ok(lines) => {
            text.push_str("\nThe last lines it has written:");
            for line in lines {
                text.push_str("\n    ");
                text.push_str(&one_line(line, LONGEST_LINE));
            }
        }
        Err(error) => text.push_str(&format!("\n    Its log cannot be read: {}", error.report())),
    }
    text + "\n***"
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

#[cfg(test)]
mod tests {
    use fargate_core::{ErrorKind, TaskImage};

    use super::*;

    fn service() -> TaskService {
        TaskService::new("postgres", TaskImage::new("postgres:16")).port(5432)
    }

    fn down(log: Result<&[String], &Error>) -> String {
        let after = Duration::from_secs(30);
        line(&JobEvent::ServiceDown { service: &service(), after, log }).unwrap()
    }

    #[test]
    fn a_service_is_told_to_be_up_or_not_waited_for_in_one_line() {
        let after = Duration::from_millis(1200);
        let up = line(&JobEvent::ServiceUp { service: &service(), after }).unwrap();
        assert_eq!(up, "Service postgres is up (1.2 s)");
        let unchecked = line(&JobEvent::ServiceUnchecked { service: &service() }).unwrap();
        assert!(unchecked.starts_with("Service postgres is not waited for"), "{unchecked}");
        assert!(unchecked.contains("HEALTHCHECK_TCP_PORT") && !unchecked.contains('\n'));
    }

    #[test]
    fn a_service_that_stays_down_is_a_warning_with_the_end_of_its_log() {
        let log = ["FATAL: no\tpassword".to_owned(), format!("\u{1b}[31m{}", "x".repeat(5000))];
        let text = down(Ok(&log));
        assert!(text.starts_with("*** WARNING: Service postgres probably didn't start"), "{text}");
        assert!(text.contains("on port 5432 (30.0 s)"), "{text}");
        assert!(text.contains("\n    FATAL: no\\tpassword\n    \\u{1b}[31mxxx"), "{text}");
        assert!(text.ends_with("x…\n***") && text.len() < 1000, "{text}");
    }

    #[test]
    fn why_there_is_no_log_is_told() {
        assert!(down(Ok(&[])).contains("has written nothing"));
        let error = Error::new(ErrorKind::NotFound, "read a log", "no log group").hint("set one");
        let text = down(Err(&error));
        assert!(text.contains("cannot be read") && text.contains("no log group"), "{text}");
    }
}
