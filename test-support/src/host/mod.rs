//! What is at the address of a task: a real program, silence, or nobody.
//!
//! Everything here blocks for milliseconds; call it from a blocking thread.

mod choice;
mod exec;
mod executable;
mod program;
mod quiet;
mod setup;
mod tree;

use std::io;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::process::Child;

pub use self::choice::TaskProgram;
pub(crate) use self::exec::{ExecFailure, ExecRequest};
pub(crate) use self::executable::on_path;
pub(crate) use self::program::exit_code;
use self::program::{Kind, Program};
use self::quiet::Quiet;
pub(crate) use self::setup::{PATH, log_file};
pub(crate) use self::tree::pause;

/// What a host is started with.
#[derive(Debug, Clone)]
pub(crate) struct HostSpec {
    /// Unique; every process of the task can be told by it.
    pub(crate) marker: String,
    /// Its own directory; made if missing.
    pub(crate) directory: PathBuf,
    /// The private address, then the public one.
    pub(crate) addresses: Vec<Ipv4Addr>,
    pub(crate) port: u16,
    /// The environment of the first process, beside what every task has.
    pub(crate) environment: Vec<(String, String)>,
    /// What [`TaskProgram::Command`] runs.
    pub(crate) command: Vec<String>,
    /// One line in authorized_keys format.
    pub(crate) public_key: Option<String>,
    /// Lets in another key than the given one.
    pub(crate) refuses_key: bool,
}

/// Whatever is at the address. Dropping it ends every process of it.
#[derive(Debug)]
pub(crate) enum TaskHost {
    Program(Box<Program>),
    /// No process of its own.
    Quiet(Quiet),
}

impl TaskHost {
    /// Starts the program.
    pub(crate) fn program(program: &TaskProgram, spec: HostSpec) -> io::Result<Self> {
        let kind = match program {
            TaskProgram::None => return Ok(Self::nobody(spec)),
            TaskProgram::Sshd => Kind::Sshd,
            TaskProgram::Agent(path) => Kind::Agent(path.clone()),
            TaskProgram::Command => Kind::Command,
        };
        Ok(Self::Program(Box::new(Program::start(kind, spec)?)))
    }

    /// Nobody is at the address; commands can be started all the same.
    pub(crate) fn nobody(spec: HostSpec) -> Self {
        Self::Quiet(Quiet::new(spec, None))
    }

    /// Accepts connections and never says a word.
    pub(crate) fn silence(spec: HostSpec) -> io::Result<Self> {
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
        Ok(Self::Quiet(Quiet::new(spec, Some(silent.abort_handle()))))
    }

    pub(crate) fn pid(&self) -> Option<u32> {
        match self {
            Self::Program(program) => Some(program.pid()),
            Self::Quiet(_) => None,
        }
    }

    pub(crate) fn host_key(&self) -> Option<String> {
        match self {
            Self::Program(program) => program.host_key(),
            Self::Quiet(_) => None,
        }
    }

    /// The exit code of the first process, if it has ended by itself.
    pub(crate) fn exited(&self) -> Option<i32> {
        match self {
            Self::Program(program) => program.exited(),
            Self::Quiet(_) => None,
        }
    }

    /// Starts another command beside the first process, on the runtime's account.
    pub(crate) fn exec(&self, request: &ExecRequest) -> Result<Child, ExecFailure> {
        match self {
            Self::Program(program) => program.exec(request),
            Self::Quiet(quiet) => quiet.exec(request),
        }
    }

    /// Ends it as a container runtime does: TERM to the first process, KILL to all after `grace`
    /// or as soon as the first one is gone. Returns the exit code.
    pub(crate) fn terminate(&self, grace: Duration) -> Option<i32> {
        match self {
            Self::Program(program) => Some(program.terminate(grace)),
            Self::Quiet(quiet) => {
                quiet.kill();
                None
            }
        }
    }

    /// Ends it at once.
    pub(crate) fn kill(&self) {
        match self {
            Self::Program(program) => program.kill(),
            Self::Quiet(quiet) => quiet.kill(),
        }
    }

    /// Starts the program again with another host key, as if somebody else had the address now.
    pub(crate) fn change_host_key(&self) -> io::Result<()> {
        match self {
            Self::Program(program) => program.restart_with_new_host_key(),
            Self::Quiet(_) => Err(io::Error::other("nothing here has a host key")),
        }
    }
}

async fn hold_connections(listener: TcpListener) {
    let mut held = Vec::new();
    while let Ok((connection, _)) = listener.accept().await {
        held.push(connection);
    }
}
