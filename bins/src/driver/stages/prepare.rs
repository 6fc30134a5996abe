use std::time::Duration;

use fargate_core::job::PreparePlan;
use fargate_core::{ErrorKind, Result};

use super::open_life;
use crate::backends;
use crate::config::keys;
use crate::driver::cli::Cli;
use crate::driver::context::{Moment, start};
use crate::driver::job_log::{say, say_error};
use crate::driver::signals::{cancelled_by_signal, explain};
use crate::driver::task_definition;
use crate::exit::Exit;
use crate::gitlab::ExitCodes;

/// A task may outlive its job by this much before it ends itself: time for after_script, uploads
/// and cleanup.
const DEADLINE_MARGIN: Duration = Duration::from_secs(3600);
/// For a runner that does not tell the job's timeout.
const DEFAULT_DEADLINE: Duration = Duration::from_secs(24 * 3600);

/// Starts the job's task and waits until it accepts commands.
pub(in crate::driver) async fn prepare(cli: &Cli, codes: &ExitCodes) -> Result<Exit> {
    let cancel = cancelled_by_signal()?;
    let settings = start(cli, Moment::Prepare)?;
    match task_definition::check(&settings) {
        // The job's author asked for it: trying again cannot help.
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            say_error(&error);
            return Ok(codes.build_failure);
        }
        checked => checked?,
    }
    let (job, life) = open_life(&settings)?;
    let start_timeout = settings.duration(keys::START_TIMEOUT).unwrap_or(Duration::from_secs(600));
    let mut plan = PreparePlan::new(start_timeout);
    plan.task_deadline =
        Some(job.timeout.map_or(DEFAULT_DEADLINE, |timeout| {
            timeout.min(DEFAULT_DEADLINE * 30) + DEADLINE_MARGIN
        }));
    plan.labels = job.labels;
    say(&backends::describe(&settings));
    life.prepare(&plan, &cancel).await.map_err(explain)?;
    Ok(Exit::SUCCESS)
}
