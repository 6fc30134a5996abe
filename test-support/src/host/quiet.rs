//! A task without a process of its own.

use tokio::process::Child;
use tokio::task::AbortHandle;

use super::HostSpec;
use super::exec::{ExecFailure, ExecRequest, Execs};
use super::tree::Tree;

/// Nobody at the address, or somebody silent. Commands can be started in it.
#[derive(Debug)]
pub(crate) struct Quiet {
    spec: HostSpec,
    execs: Execs,
    /// The task that holds the sockets of a silent one.
    silence: Option<AbortHandle>,
}

/// No process has it.
const NO_PID: u32 = 0;

impl Quiet {
    pub(super) fn new(spec: HostSpec, silence: Option<AbortHandle>) -> Self {
        Self { spec, execs: Execs::default(), silence }
    }

    pub(super) fn exec(&self, request: &ExecRequest) -> Result<Child, ExecFailure> {
        self.execs.start(&self.spec, request)
    }

    pub(super) fn kill(&self) {
        if let Some(silence) = &self.silence {
            silence.abort();
        }
        if self.execs.close() {
            let mut tree = Tree::new(NO_PID, &self.spec.marker);
            tree.freeze();
            tree.kill();
            tree.wait_gone();
        }
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        self.kill();
    }
}
