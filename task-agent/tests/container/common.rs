//! Containers, and OpenSSH's client to reach the agent in them.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use fargate_test_support::binaries;
use fargate_test_support::contained::ContainedAgent;
use fargate_test_support::rootfs::{Entry, Rootfs};
use tempfile::TempDir;

/// A hang guard, not a speed goal.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Where the agent is in a container.
pub(crate) const AGENT: &str = "/fargate/fargate-agent";

/// A root with busybox and the static agent.
pub(crate) fn busybox() -> Rootfs {
    let root = Rootfs::busybox();
    with_agent(&root);
    root
}

/// Adds the static agent.
pub(crate) fn with_agent(root: &Rootfs) {
    root.directory("/fargate", 0o755);
    root.program(&binaries::static_agent(), AGENT);
}

/// Runs the command to its end; standard output and error in one text, and the exit code.
pub(crate) fn run(mut command: Command) -> (String, Option<i32>) {
    let Output { status, stdout, stderr } =
        command.stdin(Stdio::null()).output().expect("unshare (util-linux) starts");
    (String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned(), status.code())
}

/// An agent in a container and a client it lets in.
pub(crate) struct Contained {
    pub(crate) agent: ContainedAgent,
    keys: TempDir,
}

impl Contained {
    /// Starts the agent as the first process, with nothing but `environment`.
    pub(crate) fn start(entry: &Entry, environment: &[(&str, &str)]) -> Self {
        let mut command = entry.command([AGENT, "--listen", "127.0.0.1:0", "--deadline", "10m"]);
        command.env_clear().envs(environment.iter().copied());
        Self::start_command(command)
    }

    /// Starts the agent with this command, which is still to be given the client's key.
    pub(crate) fn start_command(mut command: Command) -> Self {
        let keys = tempfile::tempdir().expect("a directory");
        command.env("SSH_PUBLIC_KEY", make_key(keys.path()));
        let agent = ContainedAgent::start(command);
        let port = agent.address().port();
        let known = format!("[127.0.0.1]:{port} {}\n", agent.host_key_line());
        std::fs::write(keys.path().join("known_hosts"), known).expect("writes");
        Self { agent, keys }
    }

    /// What `command` prints in the container, on both streams.
    pub(crate) async fn run(&self, command: &str) -> String {
        let file = |name: &str| self.keys.path().join(name);
        let run = tokio::process::Command::new("ssh")
            .args(["-F", "none", "-o", "StrictHostKeyChecking=yes", "-o", "BatchMode=yes"])
            .args(["-o", "LogLevel=ERROR", "-o", "IdentitiesOnly=yes", "-o"])
            .arg(format!("UserKnownHostsFile={}", file("known_hosts").display()))
            .args(["-p", &self.agent.address().port().to_string(), "-l", "anybody", "-i"])
            .arg(file("id"))
            .args(["127.0.0.1", command])
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        let output = tokio::time::timeout(PATIENCE, run).await.expect("ends").expect("ssh starts");
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    }
}

/// Makes a key pair `id` in `directory` and returns its public half.
fn make_key(directory: &Path) -> String {
    let key = directory.join("id");
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(&key)
        .status()
        .expect("ssh-keygen starts");
    assert!(made.success());
    std::fs::read_to_string(key.with_extension("pub")).expect("a public key")
}

/// A line the agent takes; nobody has its private half.
pub(crate) fn any_key() -> &'static str {
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPz1rcQ0VuCLOYclmPZ7h+G5MFR8kYsJj9rl5W5bz71G"
}
