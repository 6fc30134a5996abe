//! What the tests of this crate share.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::time::Duration;

use fargate_core::{
    Collected, Endpoint, ExecRequest, ExitStatus, OutputSink, RemoteExec, Result, Stream,
};
use fargate_ssh_transport::{SshConfig, SshExec, SshKey};
use fargate_test_support::sshd::Sshd;
use tokio::time::{Instant, sleep, timeout};

/// A hang guard, not a speed goal.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A server and a transport it accepts.
pub(crate) fn server() -> (Sshd, SshExec) {
    server_with(SshConfig::default())
}

pub(crate) fn server_with(config: SshConfig) -> (Sshd, SshExec) {
    let key = SshKey::generate().expect("test set-up");
    let sshd = Sshd::start(&key.public_line("test").expect("test set-up"));
    (sshd, SshExec::new(config, key))
}

/// The server, its host key not known.
pub(crate) fn unknown(sshd: &Sshd) -> Endpoint {
    Endpoint::Ssh {
        host: sshd.address().to_string(),
        port: sshd.port(),
        user: sshd.user().to_owned(),
        host_key: None,
    }
}

/// The server with its host key.
pub(crate) fn known(sshd: &Sshd) -> Endpoint {
    Endpoint::Ssh {
        host: sshd.address().to_string(),
        port: sshd.port(),
        user: sshd.user().to_owned(),
        host_key: Some(sshd.host_key_line()),
    }
}

pub(crate) async fn try_run(
    exec: &SshExec,
    at: &Endpoint,
    request: ExecRequest,
) -> (Result<ExitStatus>, Collected) {
    let mut out = Collected::default();
    let result = timeout(PATIENCE, exec.exec(at, request, &mut out)).await.expect("no hang");
    (result, out)
}

pub(crate) async fn run(
    exec: &SshExec,
    at: &Endpoint,
    request: ExecRequest,
) -> (ExitStatus, Collected) {
    let (result, out) = try_run(exec, at, request).await;
    (result.expect("an exit status"), out)
}

/// Whether a process exists and is no zombie; tests and server share the machine.
pub(crate) fn alive(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| {
        stat.rsplit_once(") ").is_some_and(|(_, tail)| !tail.starts_with(['Z', 'X']))
    })
}

pub(crate) async fn until(what: &str, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < end, "never: {what}");
        sleep(Duration::from_millis(20)).await;
    }
}

pub(crate) async fn assert_gone(pids: &[u32]) {
    until(&format!("{pids:?} gone"), || !pids.iter().any(|pid| alive(*pid))).await;
}

/// Calls a closure for every chunk, and waits for what it returns.
pub(crate) struct Each<F>(pub(crate) F);

#[fargate_core::async_trait]
impl<F, W> OutputSink for Each<F>
where
    F: FnMut(Stream, Vec<u8>) -> W + Send,
    W: Future<Output = Result<()>> + Send,
{
    async fn write(&mut self, stream: Stream, data: &[u8]) -> Result<()> {
        (self.0)(stream, data.to_vec()).await
    }

    async fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}
