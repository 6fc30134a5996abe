//! Further commands in a task that runs already.

use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::process::Child;

use super::{HostSpec, setup};

/// What to start.
#[derive(Debug, Clone)]
pub(crate) struct ExecRequest {
    pub(crate) command: Vec<String>,
    /// The environment of the container, beside what every task has.
    pub(crate) environment: Vec<(String, String)>,
    /// Which of its streams are pipes; the others are `/dev/null`.
    pub(crate) stdin: bool,
    pub(crate) stdout: bool,
    pub(crate) stderr: bool,
}

impl ExecRequest {
    /// Gives a command the streams that are wanted.
    pub(crate) fn set_streams(&self, command: &mut Command) {
        let pipe = |wanted: bool| if wanted { Stdio::piped() } else { Stdio::null() };
        command.stdin(pipe(self.stdin)).stdout(pipe(self.stdout)).stderr(pipe(self.stderr));
    }
}

/// Why nothing was started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ExecFailure {
    /// The task ends, or has ended.
    NotRunning,
    /// In the runtime's words.
    CannotStart(String),
}

/// The further commands of one task. They carry its marker, and so end with it.
#[derive(Debug, Default)]
pub(super) struct Execs {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Nothing may start any more: whoever ends the task is about to look for what runs.
    closed: bool,
    any: bool,
}

impl Execs {
    pub(super) fn start(
        &self,
        spec: &HostSpec,
        request: &ExecRequest,
    ) -> Result<Child, ExecFailure> {
        let mut command = setup::exec(spec, &request.command, &request.environment)
            .map_err(ExecFailure::CannotStart)?;
        request.set_streams(&mut command);
        // Held over the start, so that nothing starts unseen while the task is being ended.
        let mut state = self.state();
        if state.closed {
            return Err(ExecFailure::NotRunning);
        }
        let child = tokio::process::Command::from(command).spawn();
        let child = child.map_err(|error| ExecFailure::CannotStart(error.to_string()))?;
        state.any = true;
        Ok(child)
    }

    /// Lets nothing start any more; whether anything ever has.
    pub(super) fn close(&self) -> bool {
        let mut state = self.state();
        state.closed = true;
        state.any
    }

    pub(super) fn open(&self) {
        self.state().closed = false;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
