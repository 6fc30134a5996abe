//! A user of the real `ssh`, with a key of its own.

use std::net::Ipv4Addr;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

/// Somebody who visits task hosts with OpenSSH's client.
#[derive(Debug)]
pub struct Visitor {
    directory: Arc<TempDir>,
    port: u16,
    public_key: String,
}

impl Visitor {
    /// A visitor of hosts on that port, with a new key.
    ///
    /// # Panics
    /// When `ssh-keygen` makes none.
    #[must_use]
    pub fn new(port: u16) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let key = directory.path().join("id");
        let made = Command::new("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-C", "visitor", "-f"])
            .arg(&key)
            .status()
            .expect("ssh-keygen starts");
        assert!(made.success(), "ssh-keygen makes a key");
        let public_key = std::fs::read_to_string(key.with_extension("pub")).expect("a public key");
        Self { directory: Arc::new(directory), port, public_key: public_key.trim().to_owned() }
    }

    /// The public key as one line in authorized_keys format.
    #[must_use]
    pub fn public_key(&self) -> &str {
        &self.public_key
    }

    /// The same visitor, with the same key, of hosts on another port.
    #[must_use]
    pub fn on_port(&self, port: u16) -> Self {
        Self { port, directory: Arc::clone(&self.directory), public_key: self.public_key.clone() }
    }

    /// Runs a command at a host that must show this host key: the exit code, stdout and stderr.
    ///
    /// # Panics
    /// When nobody listens there.
    pub async fn visit(
        &self,
        at: Ipv4Addr,
        host_key: Option<&str>,
        command: &str,
    ) -> (i32, String, String) {
        self.listening(at).await;
        let mut ssh = tokio::process::Command::from(self.ssh(at, host_key, command));
        let output = ssh.output().await.expect("ssh starts");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let code = output.status.code().expect("ssh ends by itself");
        (code, text(&output.stdout), text(&output.stderr))
    }

    /// A session that has begun, and runs until something ends it.
    ///
    /// # Panics
    /// When it does not begin.
    pub async fn session(&self, at: Ipv4Addr, host_key: Option<&str>) -> tokio::process::Child {
        self.listening(at).await;
        let mut ssh = self.ssh(at, host_key, "echo begun; sleep 1000");
        ssh.stdout(Stdio::piped());
        let mut session = tokio::process::Command::from(ssh).spawn().expect("ssh starts");
        let mut begun = [0; 6];
        let stdout = session.stdout.as_mut().expect("a pipe");
        stdout.read_exact(&mut begun).await.expect("the session begins");
        assert_eq!(&begun, b"begun\n");
        session
    }

    fn ssh(&self, at: Ipv4Addr, host_key: Option<&str>, command: &str) -> Command {
        let known = self.directory.path().join(format!("known-{at}"));
        let host_key = host_key.unwrap_or("ssh-ed25519 none");
        let port = self.port;
        std::fs::write(&known, format!("[{at}]:{port} {host_key}\n"))
            .expect("the host key is kept");
        let mut ssh = Command::new("ssh");
        ssh.args(["-F", "none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes"])
            .args(["-o", "ConnectTimeout=10", "-o", "IdentitiesOnly=yes"])
            .arg("-o")
            .arg(format!("UserKnownHostsFile={}", known.display()))
            .arg("-i")
            .arg(self.directory.path().join("id"))
            .args(["-p", &port.to_string()])
            .arg(format!("root@{at}"))
            .arg(command)
            .stdin(Stdio::null());
        ssh
    }

    /// A task may run before its program listens, as on AWS.
    async fn listening(&self, at: Ipv4Addr) {
        for _ in 0..2000 {
            if TcpStream::connect((at, self.port)).await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("nobody listens at {at}");
    }
}
