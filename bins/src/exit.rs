//! The exit codes of the programs.

use std::process::ExitCode;

/// How a program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exit(pub u8);

impl Exit {
    /// All is well.
    pub const SUCCESS: Self = Self(0);
    /// Something failed that has no code of its own.
    pub const FAILURE: Self = Self(1);
    /// The command line is wrong; the code clap uses.
    pub const USAGE: Self = Self(2);
    /// `fargate try`: not the script failed but what should run it.
    pub const INFRASTRUCTURE: Self = Self(125);
    /// `fargate try`: interrupted by Ctrl-C; the code shells use.
    pub const INTERRUPTED: Self = Self(130);
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.0)
    }
}
