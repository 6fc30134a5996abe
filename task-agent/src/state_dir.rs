//! A directory that shows whether the agent lives and where it listens.
//!
//! `agent.lock` is locked as long as the agent lives: no process id can be mistaken for it.
//! `agent.json` appears, complete, once it listens.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use fargate_core::{Error, ErrorKind, Result};
use rustix::fs::{Mode, OFlags, openat, renameat};
use serde::Serialize;
use tokio::time::sleep;

const LOCK_FILE: &str = "agent.lock";
const RECORD_FILE: &str = "agent.json";
/// How often the directory is looked for.
const LOOK: Duration = Duration::from_secs(2);

/// The content of `agent.json`.
#[derive(Serialize)]
struct Record<'a> {
    version: u32,
    pid: u32,
    host: String,
    port: u16,
    /// One line, as in a known_hosts file but without the host.
    host_key: &'a str,
}

/// The directory, locked.
pub(crate) struct StateDir {
    path: PathBuf,
    /// The directory around it, which stays within reach when the agent changes its root.
    around: File,
    /// The directory's name there.
    name: PathBuf,
    lock: File,
}

impl StateDir {
    /// Takes the lock, or finds that standard input already carries it.
    pub(crate) fn hold(dir: &Path) -> Result<Self> {
        let failed = |error: io::Error| {
            Error::new(
                ErrorKind::InvalidConfig,
                "lock the state directory",
                format!("{} cannot be used", dir.display()),
            )
            .hint("create the directory and let this user write to it")
            .source(error)
        };
        let path = dir.canonicalize().map_err(failed)?;
        let around = File::open(path.parent().unwrap_or(&path)).map_err(failed)?;
        let name = path.file_name().map_or_else(|| ".".into(), PathBuf::from);
        let lock = open(&around, &name.join(LOCK_FILE), OFlags::RDWR | OFlags::CREATE);
        let lock = lock.map_err(failed)?;
        let lock = inherited(&lock).unwrap_or(lock);
        match take(&lock) {
            Ok(()) => Ok(Self { path, around, name, lock }),
            Err(TryLockError::WouldBlock) => Err(Error::new(
                ErrorKind::Conflict,
                "lock the state directory",
                format!("another agent runs in {}", path.display()),
            )
            .hint("end that agent first, or use another directory")),
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }

    /// Says where the agent listens, and which process is to be asked to end.
    pub(crate) fn publish(&self, pid: u32, at: SocketAddr, host_key: &str) -> Result<()> {
        let record =
            Record { version: 1, pid, host: at.ip().to_string(), port: at.port(), host_key };
        let write = || -> io::Result<()> {
            let target = self.name.join(RECORD_FILE);
            let partial = self.name.join(format!("{RECORD_FILE}.part"));
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC;
            let mut file = open(&self.around, &partial, flags)?;
            file.write_all(&serde_json::to_vec(&record)?)?;
            drop(file);
            Ok(renameat(&self.around, &partial, &self.around, &target)?)
        };
        write().map_err(|error| {
            let target = self.path.join(RECORD_FILE);
            Error::new(
                ErrorKind::InvalidConfig,
                "write the agent's address",
                format!("{} cannot be written", target.display()),
            )
            .hint("check the free space and the rights of the state directory")
            .source(error)
        })
    }

    /// Returns when the directory was removed or replaced.
    pub(crate) async fn gone(&self) {
        let is_there = || {
            let there = open(&self.around, &self.name.join(LOCK_FILE), OFlags::RDONLY)?;
            Ok::<_, io::Error>(is_same(&there.metadata()?, &self.lock))
        };
        while matches!(is_there(), Ok(true)) {
            sleep(LOOK).await;
        }
    }
}

fn open(around: &File, path: &Path, flags: OFlags) -> io::Result<File> {
    let mode = Mode::RUSR | Mode::WUSR;
    Ok(File::from(openat(around, path, flags | OFlags::CLOEXEC, mode)?))
}

/// Standard input, when whoever started the agent opened the lock file for it. A lock belongs to
/// the open file (flock(2)), so it can be handed over without a moment in which nobody holds it.
fn inherited(lock: &File) -> Option<File> {
    let stdin = File::from(io::stdin().as_fd().try_clone_to_owned().ok()?);
    is_same(&stdin.metadata().ok()?, lock).then_some(stdin)
}

fn is_same(there: &fs::Metadata, file: &File) -> bool {
    file.metadata().is_ok_and(|here| (here.dev(), here.ino()) == (there.dev(), there.ino()))
}

/// Takes the exclusive lock. Whoever asks whether an agent lives takes a shared one for a moment;
/// that is waited out.
fn take(lock: &File) -> Result<(), TryLockError> {
    loop {
        match lock.try_lock() {
            Err(TryLockError::WouldBlock) => lock.try_lock_shared()?,
            taken => return taken,
        }
        std::thread::yield_now();
    }
}
