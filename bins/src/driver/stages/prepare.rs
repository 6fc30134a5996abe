use std::time::Duration;

use fargate_core::Result;
use fargate_core::job::PreparePlan;

use super::open_life;
use crate::backends;
use crate::config::{Settings, keys};
use crate::driver::cli::Cli;
use crate::driver::context::{Moment, start};
use crate::driver::decision::{Decision, decide};
use crate::driver::job_log::{say, say_error};
use crate::driver::refusal::Refusal;
use crate::driver::signals::{cancelled_by_signal, explain};
use crate::driver::task_definition;
use crate::environment;
use crate::exit::Exit;
use crate::gitlab::{ExitCodes, JobRequest};

/// A task may outlive its job by this much before it ends itself: time for after_script, uploads
/// and cleanup.
const DEADLINE_MARGIN: Duration = Duration::from_secs(3600);
/// For a runner that does not tell the job's timeout.
const DEFAULT_DEADLINE: Duration = Duration::from_secs(24 * 3600);

/// Starts the job's task and waits until it accepts commands.
pub(in crate::driver) async fn prepare(cli: &Cli, codes: &ExitCodes) -> Result<Exit> {
    let cancel = cancelled_by_signal()?;
    let mut settings = start(cli, Moment::Prepare)?;
    let decision = match asked_for(&settings) {
        Ok(decision) => decision,
        Err(Refusal::Author(error)) => {
            say_error(&error);
            return Ok(codes.build_failure);
        }
        Err(Refusal::Other(error)) => return Err(error),
    };
    let runner = environment::text(&environment::process, "CUSTOM_ENV_CI_RUNNER_VERSION");
    backends::choose_helper(&mut settings, runner.as_deref(), decision.is_arm64());
    let (job, life) = open_life(&settings)?;
    let start_timeout = settings.duration(keys::START_TIMEOUT).unwrap_or(Duration::from_secs(600));
    let mut plan = PreparePlan::new(start_timeout);
    plan.task_deadline =
        Some(job.timeout.map_or(DEFAULT_DEADLINE, |timeout| {
            timeout.min(DEFAULT_DEADLINE * 30) + DEADLINE_MARGIN
        }));
    plan.labels = job.labels;
    plan.needs = decision.needs();
    task_definition::note(&settings, &environment::process).iter().for_each(|note| say(note));
    decision.notes().iter().for_each(|note| say(note));
    say(&backends::describe(&settings, decision.image.shown.as_deref()));
    life.prepare(&plan, &cancel).await.map_err(explain)?;
    Ok(Exit::SUCCESS)
}

/// What the job's author asks for, once it is allowed.
fn asked_for(settings: &Settings) -> Result<Decision, Refusal> {
    decide(settings, &JobRequest::from_env(&environment::process)?)
}
