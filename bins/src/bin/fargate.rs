//! The `fargate` driver.

use std::process::ExitCode;

use clap::Parser;
use fargate_bins::driver::{Cli, compatible, run};
use mimalloc::MiMalloc;

/// A stream is a flow of packet buffers, which glibc's allocator gives back to the kernel and
/// fetches again: up to half of the processor time.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    run(&Cli::parse_from(compatible(std::env::args_os()))).into()
}
