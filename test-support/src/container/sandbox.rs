//! What the containers of one task share.

use std::fs::File;
use std::io::{self, Read};
use std::net::{Ipv4Addr, TcpStream};
use std::os::fd::AsFd;
use std::process::{Child, Command, Stdio};
use std::thread;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::{helper, no_helper};
use crate::random::hex;

/// Where the processes of every sandbox reach this machine. It is there while a sandbox is: a
/// server for them listens on 0.0.0.0.
pub const HOST_ADDRESS: Ipv4Addr = Ipv4Addr::new(198, 19, 255, 254);

/// A network and a pid namespace. Dropping it ends every process in it.
#[derive(Debug)]
pub(crate) struct Sandbox {
    /// unshare(1), whose child is the first process of the namespace. That one reads from a pipe
    /// and ends with it, so even a kill of this process here is the end of all of them.
    first: Child,
    /// The end of the link on this side.
    device: String,
}

const LINK: &str = include_str!("link.sh");

/// Runs a command as the first process of a new pid namespace and ends with its code, or 128 plus
/// its signal. `unshare --fork` would do so, but a child that was killed makes it fail. What the shell
/// has to say of such a child is not for the log: the child itself opens its stderr.
const WAIT: &str = r#""$@"; exit $?"#;

impl Sandbox {
    /// A sandbox whose processes have these addresses and a localhost of their own.
    pub(crate) fn start(addresses: &[Ipv4Addr]) -> io::Result<Self> {
        let mut first = helper("unshare")
            .args(["--net", "--pid", "--fork", "sh", "-c", "echo up; exec cat >/dev/null"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| no_helper("unshare", &error))?;
        let mut said = [0; 3];
        let up = match &mut first.stdout {
            Some(stdout) => stdout.read_exact(&mut said),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        };
        // From here on a failure ends what has begun.
        let sandbox = Self { first, device: format!("fg{}", hex(12)) };
        up.map_err(|error| io::Error::other(format!("no namespaces for a task (root?): {error}")))?;
        sandbox.connect(addresses)?;
        Ok(sandbox)
    }

    fn connect(&self, addresses: &[Ipv4Addr]) -> io::Result<()> {
        let made = helper("sh")
            .args(["-ec", LINK, "sh", &self.device])
            .args([self.first.id().to_string(), HOST_ADDRESS.to_string()])
            .args(addresses.iter().map(Ipv4Addr::to_string))
            .stdin(Stdio::null())
            .output()
            .map_err(|error| no_helper("sh", &error))?;
        if made.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&made.stderr).into_owned();
        Err(io::Error::other(format!("no network for a task: {}", said.trim())))
    }

    /// Connects to a port of its localhost.
    pub(crate) fn dial(&self, port: u16) -> io::Result<TcpStream> {
        let network = File::open(format!("/proc/{}/ns/net", self.first.id()))?;
        // A socket stays in the namespace it was made in; the thread goes there and ends.
        let dial = move || {
            move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network))?;
            TcpStream::connect((Ipv4Addr::LOCALHOST, port))
        };
        let dialled = thread::scope(|scope| scope.spawn(dial).join());
        dialled.map_err(|_| io::Error::other("the dialling thread has panicked"))?
    }

    /// Starts what follows inside, in a pid namespace of its own.
    pub(super) fn enter(&self) -> Command {
        let mut command = helper("nsenter");
        let first = self.first.id();
        command
            .arg(format!("--net=/proc/{first}/ns/net"))
            .arg(format!("--pid=/proc/{first}/ns/pid_for_children"))
            .args(["unshare", "--mount", "--pid", "sh", "-c", WAIT, "sh"]);
        command
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        drop(self.first.stdin.take());
        // The first process of a pid namespace is gone only after all the others are.
        let _ended = self.first.wait();
        // The link would go with the namespace, but some time later.
        let _gone = helper("ip")
            .args(["link", "delete", &self.device])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
    }
}
