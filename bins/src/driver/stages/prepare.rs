use std::time::Duration;

use fargate_core::Result;
use fargate_core::job::PreparePlan;

use super::open_life;
use crate::backends;
use crate::config::{Settings, keys};
use crate::driver::cli::Cli;
use crate::driver::context::{Moment, start};
use crate::driver::image::Choice;
use crate::driver::job_log::{say, say_error};
use crate::driver::refusal::Refusal;
use crate::driver::signals::{cancelled_by_signal, explain};
use crate::driver::{image, task_definition};
use crate::environment;
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
    let choice = match asked_for(&settings) {
        Ok(choice) => choice,
        Err(Refusal::Author(error)) => {
            say_error(&error);
            return Ok(codes.build_failure);
        }
        Err(Refusal::Other(error)) => return Err(error),
    };
    let (job, life) = open_life(&settings)?;
    let start_timeout = settings.duration(keys::START_TIMEOUT).unwrap_or(Duration::from_secs(600));
    let mut plan = PreparePlan::new(start_timeout);
    plan.task_deadline =
        Some(job.timeout.map_or(DEFAULT_DEADLINE, |timeout| {
            timeout.min(DEFAULT_DEADLINE * 30) + DEADLINE_MARGIN
        }));
    plan.labels = job.labels;
    plan.needs.image = choice.image;
    choice.note.iter().for_each(|note| say(note));
    say(&backends::describe(&settings, choice.shown.as_deref()));
    life.prepare(&plan, &cancel).await.map_err(explain)?;
    Ok(Exit::SUCCESS)
}

/// What the job's author asks for, once it is allowed.
fn asked_for(settings: &Settings) -> Result<Choice, Refusal> {
    task_definition::check(settings)?;
    image::choose(settings, &environment::process)
}
