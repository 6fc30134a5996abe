use std::io::{self, Write};

use fargate_core::{Error, ErrorKind, Result};
use serde::Serialize;

use crate::backends;
use crate::config::keys;
use crate::driver::cli::Cli;
use crate::driver::context::{Moment, start};
use crate::driver::{local_image, policy};
use crate::environment;
use crate::exit::Exit;
use crate::gitlab::Job;

/// What GitLab Runner reads from the config stage; every field is optional there.
#[derive(Serialize)]
struct Answer<'a> {
    driver: Driver,
    hostname: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    shell: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    builds_dir: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_dir: Option<&'a str>,
}

#[derive(Serialize)]
struct Driver {
    name: &'static str,
    version: &'static str,
}

/// Prints one JSON object and nothing else. Reading the whole configuration here lets a mistake
/// in it show before anything is started.
pub(in crate::driver) fn config(cli: &Cli) -> Result<Exit> {
    let settings = start(cli, Moment::Config)?;
    backends::open(&settings)?;
    policy::check(&settings)?;
    let job = Job::from_env(&environment::process)?;
    // Where a helper container does a part of the job, the job has to be where both see it.
    let agent = backends::agent(&settings)?.filter(|agent| agent.helper.is_some());
    let shared = agent.as_ref().map_or(&[][..], |agent| &agent.shared);
    let inside = local_image::directories(&settings, &environment::process)?;
    let directory = |at: usize| match inside {
        Some(directories) => directories.get(at).copied(),
        None => shared.get(at).map(String::as_str),
    };
    let answer = Answer {
        driver: Driver { name: "fargate", version: env!("CARGO_PKG_VERSION") },
        hostname: job.id.as_str(),
        shell: settings.text(keys::SHELL),
        builds_dir: directory(0),
        cache_dir: directory(1),
    };
    let failed = |error: io::Error| {
        Error::new(ErrorKind::Unexpected, "answer GitLab Runner", error.to_string())
    };
    let mut line = serde_json::to_vec(&answer).map_err(io::Error::from).map_err(failed)?;
    line.push(b'\n');
    io::stdout().lock().write_all(&line).map_err(failed)?;
    Ok(Exit::SUCCESS)
}
