//! A program at an address, and every process that comes of it.

use std::io;
use std::net::TcpStream;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, ExitStatus};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::exec::{ExecFailure, ExecRequest, Execs};
use super::tree::{Tree, pause};
use super::{HostSpec, setup};

/// Which program.
#[derive(Debug)]
pub(super) enum Kind {
    Sshd,
    Agent(PathBuf),
    /// The command of the specification.
    Command,
}

/// A running program.
#[derive(Debug)]
pub(crate) struct Program {
    spec: HostSpec,
    kind: Kind,
    execs: Execs,
    /// Apart from the process, so that looking never waits for an ending.
    shown: Mutex<Shown>,
    process: Mutex<Process>,
    /// Nobody waits for a graceful end any more.
    hurry: AtomicBool,
}

#[derive(Debug)]
struct Shown {
    pid: u32,
    /// `None` if it is no SSH server.
    host_key: Option<String>,
}

#[derive(Debug)]
struct Process {
    child: Child,
    exit: Option<i32>,
}

impl Program {
    pub(super) fn start(kind: Kind, spec: HostSpec) -> io::Result<Self> {
        std::fs::create_dir_all(&spec.directory)?;
        let (child, host_key) = spawn(&kind, &spec)?;
        Ok(Self {
            shown: Mutex::new(Shown { pid: child.id(), host_key }),
            process: Mutex::new(Process { child, exit: None }),
            spec,
            kind,
            execs: Execs::default(),
            hurry: AtomicBool::new(false),
        })
    }

    pub(super) fn pid(&self) -> u32 {
        lock(&self.shown).pid
    }

    pub(super) fn host_key(&self) -> Option<String> {
        lock(&self.shown).host_key.clone()
    }

    pub(super) fn exited(&self) -> Option<i32> {
        lock(&self.process).poll()
    }

    pub(super) fn exec(&self, request: &ExecRequest) -> Result<tokio::process::Child, ExecFailure> {
        self.execs.start(&self.spec, request)
    }

    pub(super) fn terminate(&self, grace: Duration) -> i32 {
        let mut process = lock(&self.process);
        let mut tree = Tree::new(process.child.id(), &self.spec.marker);
        // Stopped first: what is forked while the ending begins must not get away.
        tree.freeze();
        if process.poll().is_none() && !grace.is_zero() {
            if let Some(first) = Pid::from_raw(process.child.id().cast_signed()) {
                // It may be gone by now, which is what is wanted.
                let _ = kill_process(first, Signal::TERM);
            }
            tree.thaw();
            let deadline = Instant::now() + grace;
            while process.poll().is_none()
                && Instant::now() < deadline
                && !self.hurry.load(Ordering::SeqCst)
            {
                pause();
            }
        }
        self.finish(&mut process, &mut tree)
    }

    pub(super) fn kill(&self) {
        self.hurry.store(true, Ordering::SeqCst);
        self.terminate(Duration::ZERO);
    }

    pub(super) fn restart_with_new_host_key(&self) -> io::Result<()> {
        if self.host_key().is_none() {
            return Err(io::Error::other("the program has no host key"));
        }
        let mut process = lock(&self.process);
        if process.poll().is_some() {
            return Err(io::Error::other("the program has ended"));
        }
        let mut tree = Tree::new(process.child.id(), &self.spec.marker);
        self.finish(&mut process, &mut tree);
        let (child, host_key) = spawn(&self.kind, &self.spec)?;
        self.execs.open();
        *lock(&self.shown) = Shown { pid: child.id(), host_key };
        *process = Process { child, exit: None };
        drop(process);
        self.wait_listening()
    }

    /// Kills whatever is left and reaps the first process.
    fn finish(&self, process: &mut Process, tree: &mut Tree) -> i32 {
        self.execs.close();
        tree.freeze();
        tree.kill();
        let exit = match process.exit {
            Some(exit) => exit,
            None => process.child.wait().map_or(-1, exit_code),
        };
        process.exit = Some(exit);
        tree.wait_gone();
        exit
    }

    fn wait_listening(&self) -> io::Result<()> {
        let deadline = Instant::now() + Duration::from_secs(20);
        let address = self.spec.addresses.last().map(|address| (*address, self.spec.port));
        let Some(address) = address else { return Ok(()) };
        loop {
            match TcpStream::connect(address) {
                Ok(_) => return Ok(()),
                Err(error) if Instant::now() > deadline => return Err(error),
                Err(_) => pause(),
            }
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Process {
    fn poll(&mut self) -> Option<i32> {
        if self.exit.is_none() {
            self.exit = self.child.try_wait().ok().flatten().map(exit_code);
        }
        self.exit
    }
}

fn spawn(kind: &Kind, spec: &HostSpec) -> io::Result<(Child, Option<String>)> {
    let (mut command, host_key) = match kind {
        Kind::Command => (setup::command(spec)?, None),
        Kind::Agent(path) => {
            let key = setup::make_host_key(&spec.directory)?;
            (setup::agent(path, spec, &key)?, Some(key))
        }
        Kind::Sshd => {
            let key = setup::make_host_key(&spec.directory)?;
            (setup::sshd(spec, &key)?, Some(key))
        }
    };
    let child = command.spawn().map_err(|error| {
        let program = command.get_program().to_string_lossy().into_owned();
        io::Error::other(format!("cannot start {program} (install openssh-server): {error}"))
    })?;
    Ok((child, host_key))
}

/// As a container runtime counts: the code, or 128 plus the signal.
pub(crate) fn exit_code(status: ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
