//! The agent as what a container starts.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

/// An agent that a [`rootfs::Entry`](crate::rootfs::Entry) with its own PID namespace leads to.
/// Killed on drop, with everything in its namespace.
#[derive(Debug)]
pub struct ContainedAgent {
    child: Child,
    address: SocketAddr,
    host_key: String,
}

impl ContainedAgent {
    /// Starts `command`, which makes an agent listen somewhere, and waits until it does.
    ///
    /// # Panics
    /// When it does not; the text has what it said.
    #[must_use]
    pub fn start(mut command: Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("unshare (util-linux) starts");
        let mut log = BufReader::new(child.stderr.take().expect("a pipe"));
        let mut said = String::new();
        let (address, host_key) = loop {
            let start = said.len();
            let read = log.read_line(&mut said).expect("text");
            assert!(read > 0, "the agent ended: {:?}\n{said}", child.wait());
            if let Some(found) = listening(&said[start..]) {
                break found;
            }
        };
        // A full pipe would stop the agent.
        std::thread::spawn(move || log.read_to_end(&mut Vec::new()));
        Self { child, address, host_key }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its host key, in OpenSSH's one-line form.
    #[must_use]
    pub fn host_key_line(&self) -> &str {
        &self.host_key
    }

    /// The process that [`start`](Self::start) made.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the end of that process; its exit code, if it had one.
    ///
    /// # Panics
    /// When it cannot be waited for.
    pub fn wait(&mut self) -> Option<i32> {
        self.child.wait().expect("a child").code()
    }

    /// Asks the container's first process to end, as a platform does that stops a task, and returns
    /// the exit code once everything in the container is gone.
    ///
    /// # Panics
    /// When there is no such process.
    pub fn stop(&mut self) -> Option<i32> {
        let children = format!("/proc/{0}/task/{0}/children", self.child.id());
        let children = fs::read_to_string(children).expect("it runs");
        let first = children.split_whitespace().next().and_then(|pid| pid.parse().ok());
        let first = first.and_then(Pid::from_raw).expect("a first process");
        kill_process(first, Signal::TERM).expect("it runs");
        self.wait()
    }
}

impl Drop for ContainedAgent {
    fn drop(&mut self) {
        // It may have ended already.
        let _killed = self.child.kill();
        let _status = self.child.wait();
    }
}

/// The address and the host key in the line that tells them.
fn listening(line: &str) -> Option<(SocketAddr, String)> {
    let (_, rest) = line.split_once("listening address=")?;
    let (address, rest) = rest.split_once(" host_key=\"")?;
    Some((address.parse().ok()?, rest.split_once('"')?.0.to_owned()))
}
