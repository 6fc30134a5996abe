//! The task agent as a program of its own.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use fargate_core::{Error, ErrorKind, keep_freed_memory};
use fargate_task_agent::{AgentArgs, init_logging, install, report_failure, run, wait_port};

/// SSH server and command runner for one task.
#[derive(Debug, Parser)]
#[command(name = "fargate-agent", version)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
struct Cli {
    #[command(subcommand)]
    instead: Option<Instead>,
    /// Absent with a subcommand only.
    #[command(flatten)]
    agent: Option<AgentArgs>,
}

/// What to do instead of being the agent.
#[derive(Debug, Subcommand)]
enum Instead {
    /// Copy this program into a directory, for a container whose image does not have it
    Install {
        /// An existing directory, such as a volume that both containers mount
        #[arg(value_name = "DIR")]
        directory: PathBuf,
    },
    /// Wait until something accepts connections on a port of this machine; exit code 1 when nothing
    /// does in time
    WaitPort {
        /// How long to wait, such as "30s"
        #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
        timeout: Duration,
        /// The TCP port
        #[arg(value_parser = clap::value_parser!(u16).range(1..))]
        port: u16,
    },
}

fn main() -> ExitCode {
    keep_freed_memory();
    init_logging();
    let cli = Cli::parse();
    let done = match (cli.instead, cli.agent) {
        (Some(Instead::Install { directory }), _) => install(&directory).map(|_| ExitCode::SUCCESS),
        (Some(Instead::WaitPort { timeout, port }), _) => {
            wait_port(port, timeout).map(|()| ExitCode::SUCCESS)
        }
        (None, Some(args)) => run(args).map(ExitCode::from),
        (None, None) => Err(no_key()),
    };
    done.unwrap_or_else(report_failure)
}

/// Parsing has seen to it that this does not come about.
fn no_key() -> Error {
    Error::new(ErrorKind::InvalidConfig, "start the agent", "no client key was given")
}
