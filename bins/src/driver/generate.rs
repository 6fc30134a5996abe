//! Shell completions and manual pages, made from the command line's own definition.

use std::io::{self, Write};
use std::path::Path;

use clap::CommandFactory;
use clap_complete::Shell;
use fargate_core::{Error, ErrorKind, Result};

use super::cli::Cli;

fn failed(error: io::Error) -> Error {
    Error::new(ErrorKind::Unexpected, "write", error.to_string()).source(error)
}

/// Prints the completion script.
pub(super) fn completions(shell: Shell) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "fargate", &mut script);
    io::stdout().lock().write_all(&script).map_err(failed)
}

/// Prints the manual page, or writes one per command.
pub(super) fn man(directory: Option<&Path>) -> Result<()> {
    match directory {
        Some(directory) => clap_mangen::generate_to(Cli::command(), directory).map_err(failed),
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(Cli::command()).render(&mut page).map_err(failed)?;
            io::stdout().lock().write_all(&page).map_err(failed)
        }
    }
}
