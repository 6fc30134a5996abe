//! What the tests of this crate share.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use fargate_backend_local::{LocalConfig, LocalLauncher};
use fargate_core::testkit::unique_key;
use fargate_core::{Endpoint, Stopped, TaskHandle, TaskKey, TaskLauncher, TaskSpec, TaskStatus};
use tokio::process::Command;
use tokio::time::{Instant, sleep, timeout};

/// A hang guard, not a speed goal.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
pub(crate) const GRACE: Duration = Duration::from_secs(2);

/// A public key whose private half nobody needs here.
pub(crate) const AUTHORIZED_KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBMzHKB7fSLUcD+LW4Aq9lIJJUqP9uVWbad4KhLXoCYx";

pub(crate) fn launcher(root: &Path) -> LocalLauncher {
    LocalLauncher::new(LocalConfig::new(root, [fargate_test_support::binaries::agent()]))
}

pub(crate) fn spec() -> TaskSpec {
    TaskSpec::new(unique_key("task"), owner(), AUTHORIZED_KEY).deadline(Duration::from_secs(600))
}

pub(crate) fn owner() -> TaskKey {
    TaskKey::new("me").unwrap()
}

pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < until, "never: {what}");
        sleep(Duration::from_millis(5)).await;
    }
}

/// Waits until the task is no longer on its way.
pub(crate) async fn settled(launcher: &LocalLauncher, task: &TaskHandle) -> TaskStatus {
    let until = Instant::now() + PATIENCE;
    loop {
        match launcher.status(task).await.unwrap() {
            TaskStatus::Pending { .. } => assert!(Instant::now() < until, "it does not settle"),
            status => return status,
        }
        sleep(Duration::from_millis(5)).await;
    }
}

/// Waits until the task is over.
pub(crate) async fn ended(launcher: &LocalLauncher, task: &TaskHandle) -> Stopped {
    let until = Instant::now() + PATIENCE;
    loop {
        match launcher.status(task).await.unwrap() {
            TaskStatus::Stopped(stopped) => return stopped,
            status => assert!(Instant::now() < until, "it does not end: {status:?}"),
        }
        sleep(Duration::from_millis(5)).await;
    }
}

/// Runs one command in the task with OpenSSH's client and returns its output.
pub(crate) async fn ssh(endpoint: &Endpoint, key: &Path, command: &str) -> String {
    let Endpoint::Ssh { host, port, user, host_key } = endpoint else { panic!("{endpoint:?}") };
    let known = key.with_extension("known");
    let host_key = host_key.as_deref().unwrap();
    std::fs::write(&known, format!("[{host}]:{port} {host_key}\n")).unwrap();
    let output = Command::new("ssh")
        .args(["-F", "none", "-o", "StrictHostKeyChecking=yes", "-o", "BatchMode=yes", "-i"])
        .arg(key)
        .args(["-o", &format!("UserKnownHostsFile={}", known.display()), "-p"])
        .args([&port.to_string(), "-l", user, host, command])
        .stdin(Stdio::null())
        .output();
    let output = timeout(PATIENCE, output).await.expect("ends").unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

pub(crate) fn is_running(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

/// The process ids of everything that belongs to the task with this directory.
pub(crate) fn processes_of(dir: &Path) -> Vec<i32> {
    let wanted = format!("FARGATE_TASK={}", dir.display()).into_bytes();
    let all = std::fs::read_dir("/proc").unwrap();
    all.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|pid| {
            std::fs::read(format!("/proc/{pid}/environ"))
                .is_ok_and(|env| env.split(|byte| *byte == 0).any(|entry| entry == wanted))
        })
        .collect()
}
