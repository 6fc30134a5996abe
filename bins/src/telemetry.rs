//! The log: where it goes, what it shows, in which form.
//!
//! What the person whose pipeline runs should read does not come this way: see
//! `driver::job_log`.

use std::fs::OpenOptions;
use std::io::{self, IsTerminal};
use std::os::unix::fs::OpenOptionsExt;
use std::sync::Mutex;

use fargate_core::{Error, ErrorKind, Result};
use tracing::Subscriber;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::config::{Settings, keys};

/// Starts logging as the settings say. Call it once per process.
///
/// # Errors
/// `InvalidConfig` for an unknown level or format, or a log file that cannot be opened.
pub fn start(settings: &Settings) -> Result<()> {
    let filter = EnvFilter::new(filter(settings.text(keys::LOG_LEVEL).unwrap_or("info"))?);
    let format = settings.text(keys::LOG_FORMAT).unwrap_or("text");
    let subscriber: Box<dyn Subscriber + Send + Sync> = match settings.text(keys::LOG_FILE) {
        Some(path) => {
            let file =
                OpenOptions::new().append(true).create(true).mode(0o600).open(path).map_err(
                    |error| {
                        Error::new(
                            ErrorKind::InvalidConfig,
                            "open the log file",
                            format!("{path}: {error}"),
                        )
                        .hint("let the user of GitLab Runner write it, or leave LogFile out")
                    },
                )?;
            subscriber(filter, format, Mutex::new(file), false)?
        }
        None => subscriber(filter, format, io::stderr, io::stderr().is_terminal())?,
    };
    // A second start in one process keeps the first: only tests do that.
    let _already = tracing::subscriber::set_global_default(subscriber);
    Ok(())
}

/// Starts logging to standard error with the defaults, for want of the wished log.
pub fn start_plain() {
    let plain = tracing_subscriber::fmt().with_writer(io::stderr).with_ansi(false);
    // A subscriber that is set already stays.
    let _already = plain.with_max_level(tracing::Level::WARN).try_init();
}

/// Our own crates at the wished level, everything else at warnings only: what libraries log
/// below that can hold requests with their bodies.
fn filter(level: &str) -> Result<String> {
    let level = match level {
        "trace" | "debug" | "info" | "error" => level,
        "warn" | "warning" => "warn",
        "fatal" | "panic" => "error",
        other => {
            return Err(Error::new(
                ErrorKind::InvalidConfig,
                "set the log level",
                format!("{other:?} is not one of trace, debug, info, warn, error"),
            ));
        }
    };
    let others = if level == "error" { "error" } else { "warn" };
    // A prefix: every crate of this workspace.
    Ok(format!("{others},fargate={level}"))
}

fn subscriber<W>(
    filter: EnvFilter,
    format: &str,
    writer: W,
    ansi: bool,
) -> Result<Box<dyn Subscriber + Send + Sync>>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let base =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer).with_ansi(ansi);
    Ok(match format {
        "text" => Box::new(base.finish()),
        "text-simple" => Box::new(base.without_time().with_target(false).finish()),
        "json" => Box::new(base.json().finish()),
        other => {
            return Err(Error::new(
                ErrorKind::InvalidConfig,
                "set the log format",
                format!("unsupported logging format {other:?}"),
            )
            .hint("use text, text-simple or json"));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_never_log_below_warnings() {
        for level in ["trace", "debug", "info", "warning", "panic"] {
            let filter = filter(level).unwrap();
            let others = filter.split(',').next().unwrap().to_owned();
            assert!(matches!(others.as_str(), "warn" | "error"), "{filter}");
        }
        assert!(filter("loud").is_err());
    }
}
