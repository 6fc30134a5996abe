//! `fargate check-config`.

use std::io::{self, Write};

use fargate_core::job::HandleStore;
use fargate_core::{Error, Result};

use super::cli::Cli;
use super::context::{load_settings, metadata_directory};
use super::job_log::{say, say_error};
use super::{local_image, policy, task_definition};
use crate::backends;
use crate::config::{Settings, show};
use crate::environment;
use crate::exit::Exit;
use crate::telemetry;

/// Shows every setting with its origin. Succeeds only when there is nothing to complain about.
pub(super) fn check_config(cli: &Cli) -> Result<Exit> {
    let (path, loaded) = load_settings(cli, &environment::process)?;
    // A closed pipe is the reader's choice.
    let _closed = io::stdout().lock().write_all(show(&loaded.settings).as_bytes());
    for warning in &loaded.warnings {
        say(&format!("warning: {warning}"));
    }
    let mut exit = if loaded.warnings.is_empty() { Exit::SUCCESS } else { Exit::FAILURE };
    let checks = [
        loaded.require(&path),
        task_definition::check(&loaded.settings).map_err(Error::from),
        policy::check(&loaded.settings),
        local_image::check(&loaded.settings),
        backends::check(&loaded.settings),
        telemetry::start(&loaded.settings),
        metadata(&loaded.settings),
    ];
    // The first failure is usually the cause of the others.
    if let Some(error) = checks.into_iter().find_map(Result::err) {
        say_error(&error);
        exit = Exit::FAILURE;
    }
    Ok(exit)
}

/// Whether stages could use the metadata directory; one that does not exist is made by the first.
fn metadata(settings: &Settings) -> Result<()> {
    let directory = metadata_directory(settings)?;
    if directory.exists() { HandleStore::open(directory).map(drop) } else { Ok(()) }
}
