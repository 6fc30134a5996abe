//! What is at the address of a task: a real program, silence, or nobody.
//!
//! Everything here blocks for milliseconds; call it from a blocking thread.

mod program;
mod setup;
mod tree;

use std::io;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::AbortHandle;

use self::program::Program;
pub(super) use self::setup::log_file;
use super::TaskProgram;

/// What a host is started with.
#[derive(Debug, Clone)]
pub(super) struct HostSpec {
    /// Unique; every process of the task can be told by it.
    pub(super) marker: String,
    /// Its own directory; made if missing.
    pub(super) directory: PathBuf,
    /// The private address, then the public one.
    pub(super) addresses: Vec<Ipv4Addr>,
    pub(super) port: u16,
    /// One line in authorized_keys format.
    pub(super) public_key: Option<String>,
    /// Lets in another key than the given one.
    pub(super) refuses_key: bool,
}

/// Whatever is at the address. Dropping it ends every process of it.
#[derive(Debug)]
pub(super) enum TaskHost {
    Program(Box<Program>),
    /// The task that holds the sockets.
    Silence(AbortHandle),
}

impl TaskHost {
    /// Starts the program; `None` if there is none to start.
    pub(super) fn program(program: &TaskProgram, spec: HostSpec) -> io::Result<Option<Self>> {
        Ok(match program {
            TaskProgram::None => None,
            TaskProgram::Sshd => Some(Self::Program(Box::new(Program::start(None, spec)?))),
            TaskProgram::Agent(path) => {
                Some(Self::Program(Box::new(Program::start(Some(path.clone()), spec)?)))
            }
        })
    }

    /// Accepts connections and never says a word.
    pub(super) fn silence(spec: &HostSpec) -> io::Result<Self> {
        let mut listeners = Vec::new();
        for address in &spec.addresses {
            let listener = std::net::TcpListener::bind((*address, spec.port))?;
            listener.set_nonblocking(true)?;
            listeners.push(TcpListener::from_std(listener)?);
        }
        let silent = tokio::spawn(async move {
            let mut silences = tokio::task::JoinSet::new();
            for listener in listeners {
                silences.spawn(hold_connections(listener));
            }
            silences.join_all().await
        });
        Ok(Self::Silence(silent.abort_handle()))
    }

    pub(super) fn pid(&self) -> Option<u32> {
        match self {
            Self::Program(program) => Some(program.pid()),
            Self::Silence(_) => None,
        }
    }

    pub(super) fn host_key(&self) -> Option<String> {
        match self {
            Self::Program(program) => Some(program.host_key()),
            Self::Silence(_) => None,
        }
    }

    /// The exit code of the first process, if it has ended by itself.
    pub(super) fn exited(&self) -> Option<i32> {
        match self {
            Self::Program(program) => program.exited(),
            Self::Silence(_) => None,
        }
    }

    /// Ends it as a container runtime does: TERM to the first process, KILL to all after `grace`
    /// or as soon as the first one is gone. Returns the exit code.
    pub(super) fn terminate(&self, grace: Duration) -> Option<i32> {
        match self {
            Self::Program(program) => Some(program.terminate(grace)),
            Self::Silence(silence) => {
                silence.abort();
                None
            }
        }
    }

    /// Ends it at once.
    pub(super) fn kill(&self) {
        match self {
            Self::Program(program) => program.kill(),
            Self::Silence(silence) => silence.abort(),
        }
    }

    /// Starts the program again with another host key, as if somebody else had the address now.
    pub(super) fn change_host_key(&self) -> io::Result<()> {
        match self {
            Self::Program(program) => program.restart_with_new_host_key(),
            Self::Silence(_) => Err(io::Error::other("nothing here has a host key")),
        }
    }
}

async fn hold_connections(listener: TcpListener) {
    let mut held = Vec::new();
    while let Ok((connection, _)) = listener.accept().await {
        held.push(connection);
    }
}
