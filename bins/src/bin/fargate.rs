//! The `fargate` driver.

use std::process::ExitCode;

use clap::Parser;
use fargate_bins::driver::{Cli, compatible, run};

fn main() -> ExitCode {
    run(&Cli::parse_from(compatible(std::env::args_os()))).into()
}
