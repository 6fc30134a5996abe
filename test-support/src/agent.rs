//! The project's own agent as a server for transport tests.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::binaries;

/// A running agent on a free port of 127.0.0.1. Killed on drop, with a chance to end its commands.
#[derive(Debug)]
pub struct Agent {
    child: Child,
    state: Value,
    directory: TempDir,
}

impl Agent {
    /// Starts an agent that accepts this one key.
    ///
    /// # Panics
    /// When it does not come up.
    #[must_use]
    pub fn start(authorized_key: &str) -> Self {
        Self::start_with(authorized_key, &[])
    }

    /// The same with these variables in its environment.
    ///
    /// # Panics
    /// When it does not come up.
    #[must_use]
    pub fn start_with(authorized_key: &str, environment: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let mut child = Command::new(binaries::agent())
            .args(["--listen", "127.0.0.1:0", "--deadline", "10m", "--grace", "1s", "--state-dir"])
            .arg(directory.path())
            .env("SSH_PUBLIC_KEY", authorized_key)
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the agent starts");
        let file = directory.path().join("agent.json");
        let until = Instant::now() + Duration::from_secs(30);
        let state = loop {
            if let Some(state) =
                fs::read(&file).ok().and_then(|text| serde_json::from_slice(&text).ok())
            {
                break state;
            }
            assert!(child.try_wait().expect("a child").is_none(), "the agent ended at once");
            assert!(Instant::now() < until, "the agent does not listen");
            #[expect(
                clippy::disallowed_methods,
                reason = "the fixture starts outside any runtime"
            )]
            std::thread::sleep(Duration::from_millis(10));
        };
        Self { child, state, directory }
    }

    /// Its port.
    ///
    /// # Panics
    /// When the agent wrote none.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.state["port"].as_u64().and_then(|port| port.try_into().ok()).expect("a port")
    }

    /// Its host key, in OpenSSH's one-line form.
    ///
    /// # Panics
    /// When the agent wrote none.
    #[must_use]
    pub fn host_key_line(&self) -> &str {
        self.state["host_key"].as_str().expect("a host key")
    }

    /// Its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // Without its directory the agent ends by itself, and its commands with it.
        let _gone = fs::remove_dir_all(self.directory.path());
        if let Some(pid) =
            i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw)
        {
            let _ended = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let _status = self.child.wait();
    }
}
