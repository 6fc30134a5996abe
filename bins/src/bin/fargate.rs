//! The `fargate` driver.

use std::process::ExitCode;

use clap::Parser;
use fargate_bins::driver::{Cli, compatible, run};
use fargate_core::keep_freed_memory;

fn main() -> ExitCode {
    keep_freed_memory();
    run(&Cli::parse_from(compatible(std::env::args_os()))).into()
}
