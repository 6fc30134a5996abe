use std::ffi::OsString;
use std::path::PathBuf;

/// How tasks are started on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LocalConfig {
    /// Where the tasks' directories are. Made with mode 0700 if it is missing.
    pub directory: PathBuf,
    /// The program that is the task agent, and its leading arguments.
    pub agent: Vec<OsString>,
}

impl LocalConfig {
    /// Tasks below `directory`, started with `agent`: a program and its leading arguments, such
    /// as the driver's own path and "agent".
    pub fn new<I, S>(directory: impl Into<PathBuf>, agent: I) -> Self
    where
        I: IntoIterator<Item = S>,
        S: Into<OsString>,
    {
        Self { directory: directory.into(), agent: agent.into_iter().map(Into::into).collect() }
    }
}
