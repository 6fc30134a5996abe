//! A real agent and OpenSSH's client as its peer.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

/// A hang guard, not a speed goal.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Agent {
    pub(crate) dir: TempDir,
    pub(crate) child: Child,
    pub(crate) port: u16,
    pub(crate) host_key: String,
}

/// Makes a key pair with ssh-keygen and returns the private key's path.
pub(crate) async fn key_pair(dir: &Path, name: &str) -> PathBuf {
    let path = dir.join(name);
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(&path)
        .status()
        .await
        .expect("ssh-keygen starts");
    assert!(made.success());
    path
}

pub(crate) fn public(key: &Path) -> String {
    std::fs::read_to_string(key.with_extension("pub")).expect("a public key")
}

/// The agent's program with its state below `dir`, not started.
pub(crate) fn command(dir: &Path) -> Command {
    let state = dir.join("state");
    std::fs::create_dir_all(&state).expect("a directory");
    let mut command = Command::new(env!("CARGO_BIN_EXE_fargate-agent"));
    command.args(["--listen", "127.0.0.1:0", "--state-dir"]).arg(state);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command
}

impl Agent {
    pub(crate) async fn start(arguments: &[&str]) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let key = key_pair(dir.path(), "id").await;
        let mut child = command(dir.path())
            .args(arguments)
            .env("SSH_PUBLIC_KEY", public(&key))
            .stderr(Stdio::null())
            .spawn()
            .expect("the agent starts");
        let until = Instant::now() + PATIENCE;
        let record: Value = loop {
            if let Ok(text) = std::fs::read(dir.path().join("state/agent.json")) {
                break serde_json::from_slice(&text).expect("whole as soon as it is there");
            }
            assert!(child.try_wait().expect("asks").is_none(), "the agent ended");
            assert!(Instant::now() < until, "the agent does not listen");
            sleep(Duration::from_millis(5)).await;
        };
        let port = record["port"].as_u64().and_then(|port| port.try_into().ok()).expect("a port");
        let host_key = record["host_key"].as_str().expect("a host key").to_owned();
        let known = format!("[127.0.0.1]:{port} {host_key}\n");
        std::fs::write(dir.path().join("known_hosts"), known).expect("writes");
        Self { dir, child, port, host_key }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    /// `ssh` with the right key and the strictly checked host key, ready for more arguments.
    pub(crate) fn ssh(&self) -> Command {
        self.ssh_with(&self.dir.path().join("id"))
    }

    pub(crate) fn ssh_with(&self, key: &Path) -> Command {
        let mut ssh = Command::new("ssh");
        ssh.args(["-F", "none", "-o", "StrictHostKeyChecking=yes", "-o", "BatchMode=yes"])
            .args(["-o", "LogLevel=ERROR", "-o", "IdentitiesOnly=yes", "-o"])
            .arg(format!("UserKnownHostsFile={}", self.dir.path().join("known_hosts").display()))
            .args(["-p", &self.port.to_string(), "-l", "anybody", "-i"])
            .arg(key)
            .arg("127.0.0.1")
            .stdin(Stdio::null())
            .kill_on_drop(true);
        ssh
    }

    pub(crate) async fn run(&self, command: &str) -> Output {
        let run = self.ssh().arg(command).output();
        tokio::time::timeout(PATIENCE, run).await.expect("ends").expect("ssh starts")
    }

    /// The most memory the agent ever took, in KiB.
    pub(crate) fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid()));
        let status = status.expect("it runs");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
        peak.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    /// Waits for the agent's end and returns its exit code.
    pub(crate) async fn ended(&mut self) -> Option<i32> {
        let ended = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        ended.expect("the agent ends").expect("waits").code()
    }
}

impl Drop for Agent {
    /// Ends the agent and, what a kill would not, everything it started.
    fn drop(&mut self) {
        let pid = self.child.id().and_then(|id| id.try_into().ok()).and_then(Pid::from_raw);
        if let Some(pid) = pid {
            // One that ended by itself has nothing left to end.
            let _ = kill_process(pid, Signal::TERM);
        }
    }
}

/// Whether a process runs; a zombie does not.
pub(crate) fn is_running(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < until, "never: {what}");
        sleep(Duration::from_millis(10)).await;
    }
}

pub(crate) async fn until_gone(pid: u32) {
    until("the process is gone", || !is_running(pid)).await;
}
