//! The four stages of the custom executor.

mod cleanup;
mod config;
mod prepare;
mod run;

use std::sync::Arc;

use fargate_core::Result;
use fargate_core::job::{HandleStore, JobLife};

pub(super) use self::cleanup::cleanup;
pub(super) use self::config::config;
pub(super) use self::prepare::prepare;
pub(super) use self::run::run;
use super::context::metadata_directory;
use super::job_log::JobLog;
use crate::backends;
use crate::config::Settings;
use crate::environment;
use crate::gitlab::Job;

/// The life of the job this process was called for.
fn open_life(settings: &Settings) -> Result<(Job, JobLife)> {
    let job = Job::from_env(&environment::process)?;
    let store = HandleStore::open(metadata_directory(settings)?)?;
    let backend = backends::open(settings)?;
    let life = JobLife::new(job.id.clone(), backend, store, Arc::new(JobLog));
    Ok((job, life))
}
