//! The task agent as a program of its own.

use std::process::ExitCode;

use clap::Parser;
use fargate_core::keep_freed_memory;
use fargate_task_agent::{AgentArgs, init_logging, report_failure, run};

/// SSH server and command runner for one task.
#[derive(Debug, Parser)]
#[command(name = "fargate-agent", version)]
struct Cli {
    #[command(flatten)]
    agent: AgentArgs,
}

fn main() -> ExitCode {
    keep_freed_memory();
    init_logging();
    run(Cli::parse().agent).map_or_else(report_failure, ExitCode::from)
}
