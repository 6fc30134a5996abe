use std::future::Future;

use fargate_core::{Error, ErrorKind, Result};
use fargate_task_agent::AgentArgs;

use super::check_config::check_config;
use super::cli::{Cli, Command, PolicyCommand, Stage};
use super::explain::explain;
use super::job_log::say_error;
use super::{gc, generate, stages};
use crate::environment;
use crate::exit::Exit;
use crate::gitlab::ExitCodes;
use crate::try_job;

/// Does what the command line says.
///
/// Errors are told on standard error, once; the exit says what kind of failure it was.
pub fn run(cli: &Cli) -> Exit {
    let (result, on_error) = match &cli.command {
        Command::Custom(stage) => custom(cli, stage),
        Command::Try(args) => (block_on(try_job::run(cli, args)), Exit::INFRASTRUCTURE),
        Command::CheckConfig => (check_config(cli), Exit::FAILURE),
        Command::Gc(args) => (block_on(gc::gc(cli, args)), Exit::FAILURE),
        Command::Policy(PolicyCommand::Explain(args)) => (explain(cli, args), Exit::USAGE),
        Command::Completions { shell } => {
            (generate::completions(*shell).map(|()| Exit::SUCCESS), Exit::FAILURE)
        }
        Command::Man { directory } => {
            (generate::man(directory.as_deref()).map(|()| Exit::SUCCESS), Exit::FAILURE)
        }
        Command::Agent(args) => (agent(args.clone()), Exit::FAILURE),
    };
    result.unwrap_or_else(|error| {
        say_error(&error);
        on_error
    })
}

/// A stage, and the exit for its errors.
fn custom(cli: &Cli, stage: &Stage) -> (Result<Exit>, Exit) {
    let codes = match ExitCodes::from_env(&environment::process) {
        Ok(codes) => codes,
        // The runner takes any code it did not ask for as a system failure.
        Err(error) => return (Err(error), Exit::USAGE),
    };
    let result = match stage {
        Stage::Config => stages::config(cli),
        Stage::Prepare => block_on(stages::prepare(cli, &codes)),
        Stage::Run { script, stage } => block_on(stages::run(cli, &codes, script, stage)),
        Stage::Cleanup => block_on(stages::cleanup(cli)),
    };
    (result, codes.system_failure)
}

/// This program as the agent of a local task; its log is the task's.
fn agent(args: AgentArgs) -> Result<Exit> {
    fargate_task_agent::init_logging();
    fargate_task_agent::run(args).map(|end| Exit(end.code()))
}

/// One job is one connection: one thread serves it with the least processor time.
fn block_on<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| {
            Error::new(ErrorKind::Unexpected, "start the runtime", error.to_string())
        })?;
    let result = runtime.block_on(work);
    // A write to a log nobody reads must not keep the process.
    runtime.shutdown_background();
    result
}
