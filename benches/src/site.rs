//! Servers and the key they accept.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use fargate_ssh_transport::{SshConfig, SshExec, SshKey};
use fargate_test_support::sshd::{Sshd, SshdOptions};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::args::Login;
use crate::programs;

/// A directory with a client key, for servers that accept it.
#[derive(Debug)]
pub struct Site {
    directory: TempDir,
    key: SshKey,
    key_line: String,
}

impl Site {
    /// A new key in a new directory.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn new() -> io::Result<Self> {
        let directory = tempfile::Builder::new().prefix("benches-").tempdir()?;
        let key = SshKey::generate().map_err(io::Error::other)?;
        let key_line = key.public_line("bench").map_err(io::Error::other)?;
        let pem = key.private_pem().map_err(io::Error::other)?;
        let mut file = File::options()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(directory.path().join("key"))?;
        file.write_all(pem.as_bytes())?;
        Ok(Self { directory, key, key_line })
    }

    /// Gone with the site.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Our transport with its defaults.
    #[must_use]
    pub fn exec(&self) -> SshExec {
        SshExec::new(SshConfig::default(), self.key.clone())
    }

    /// Starts OpenSSH's server; `settings` are lines of `sshd_config`.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn sshd(&self, settings: &[&str]) -> (Sshd, Login) {
        let mut settings: Vec<String> = settings.iter().map(|line| (*line).to_owned()).collect();
        settings.push("MaxStartups 2000".into());
        let sshd = Sshd::start_with(SshdOptions {
            authorized_keys: vec![self.key_line.clone()],
            settings,
            ..SshdOptions::default()
        });
        let login = self.login(sshd.port(), sshd.host_key_line());
        (sshd, login)
    }

    /// Starts the project's own agent.
    ///
    /// # Errors
    /// When it does not start.
    pub fn agent(&self) -> io::Result<(Agent, Login)> {
        let agent = Agent::start(&self.key_line)?;
        let login = self.login(agent.port, agent.host_key.clone());
        Ok((agent, login))
    }

    /// How to log in at a server on this machine.
    #[must_use]
    pub fn login(&self, port: u16, host_key: String) -> Login {
        Login { key_file: self.directory.path().join("key"), port, host_key }
    }

    /// A `known_hosts` file (sshd(8)) with this server in it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn known_hosts(&self, login: &Login) -> io::Result<PathBuf> {
        let file = self.directory.path().join(format!("known_hosts_{}", login.port));
        let text = format!("[127.0.0.1]:{} {}\n", login.port, login.host_key);
        // Written once: a client that is starting may be reading it.
        if fs::read_to_string(&file).ok().as_ref() != Some(&text) {
            fs::write(&file, text)?;
        }
        Ok(file)
    }
}

/// A running agent, of the same build profile as this program. Ended on drop.
#[derive(Debug)]
pub struct Agent {
    child: Child,
    port: u16,
    host_key: String,
    _directory: TempDir,
}

impl Agent {
    fn start(authorized_key: &str) -> io::Result<Self> {
        let directory = tempfile::tempdir()?;
        let mut child = Command::new(programs::agent()?)
            .args(["--listen", "127.0.0.1:0", "--deadline", "2h", "--grace", "1s", "--state-dir"])
            .arg(directory.path())
            .env("SSH_PUBLIC_KEY", authorized_key)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let file = directory.path().join("agent.json");
        let until = Instant::now() + Duration::from_secs(30);
        let state = loop {
            let read = fs::read(&file).ok();
            if let Some(state) = read.and_then(|text| serde_json::from_slice::<Value>(&text).ok()) {
                break state;
            }
            if child.try_wait()?.is_some() || Instant::now() > until {
                child.kill().ok();
                child.wait()?;
                return Err(io::Error::other("the agent does not listen"));
            }
            #[expect(clippy::disallowed_methods, reason = "no runtime is there yet")]
            thread::sleep(Duration::from_millis(5));
        };
        let port = state["port"].as_u64().and_then(|port| port.try_into().ok());
        let host_key = state["host_key"].as_str().map(str::to_owned);
        let mut this = Self { child, port: 0, host_key: String::new(), _directory: directory };
        let (Some(port), Some(host_key)) = (port, host_key) else {
            return Err(io::Error::other("the agent does not say where it listens"));
        };
        (this.port, this.host_key) = (port, host_key);
        Ok(this)
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        // It may have ended by itself; its commands end with it.
        if pid.is_none_or(|pid| kill_process(pid, Signal::TERM).is_err()) {
            self.child.kill().ok();
        }
        self.child.wait().ok();
    }
}
