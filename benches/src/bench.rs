//! What every criterion bench begins with.

use fargate_core::{ExecRequest, ExitStatus, RemoteExec};
use fargate_ssh_transport::SshExec;
use tokio::runtime::{Builder, Runtime};

use crate::args::Login;
use crate::sink::Counter;

/// A runtime as the driver has it: one thread.
///
/// # Panics
/// When the system gives none.
#[must_use]
pub fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// Runs a script that must exit with 0, and counts its output.
///
/// # Panics
/// When it does not exit with 0.
pub async fn run(exec: &SshExec, login: &Login, script: impl Into<bytes::Bytes>) -> u64 {
    let mut out = Counter::default();
    let status = exec.exec(&login.endpoint(), ExecRequest::script(script), &mut out).await;
    assert_eq!(status.expect("an exit status"), ExitStatus::Code(0));
    out.bytes
}
