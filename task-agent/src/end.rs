use std::process::ExitCode;

/// Why the agent ended, when nothing went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum AgentEnd {
    /// It was asked to, by SIGTERM, SIGINT or SIGHUP. Exit code 0.
    Asked,
    /// Its deadline came. Exit code 3.
    Deadline,
    /// Its state directory went away. Exit code 4.
    StateDirGone,
    /// It ran in a root of its own, and ended there with this exit code.
    Inside(u8),
}

impl AgentEnd {
    /// The exit code of the program.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Asked => 0,
            Self::Deadline => 3,
            Self::StateDirGone => 4,
            Self::Inside(code) => code,
        }
    }
}

impl From<AgentEnd> for ExitCode {
    fn from(end: AgentEnd) -> Self {
        Self::from(end.code())
    }
}
