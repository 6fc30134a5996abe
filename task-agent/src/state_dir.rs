//! A directory that shows whether the agent lives and where it listens.
//!
//! `agent.lock` is locked as long as the agent lives: no process id can be mistaken for it.
//! `agent.json` appears, complete, once it listens.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use fargate_core::{Error, ErrorKind, Result};
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
    dir: PathBuf,
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
        let lock = open(&dir.join(LOCK_FILE)).map_err(failed)?;
        let lock = inherited(&lock).unwrap_or(lock);
        match take(&lock) {
            Ok(()) => Ok(Self { dir: dir.to_owned(), lock }),
            Err(TryLockError::WouldBlock) => Err(Error::new(
                ErrorKind::Conflict,
                "lock the state directory",
                format!("another agent runs in {}", dir.display()),
            )
            .hint("end that agent first, or use another directory")),
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }

    /// Says where the agent listens.
    pub(crate) fn publish(&self, at: SocketAddr, host_key: &str) -> Result<()> {
        let record = Record {
            version: 1,
            pid: std::process::id(),
            host: at.ip().to_string(),
            port: at.port(),
            host_key,
        };
        let target = self.dir.join(RECORD_FILE);
        let write = || -> io::Result<()> {
            let partial = self.dir.join(format!("{RECORD_FILE}.part"));
            let mut file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&partial)?;
            file.write_all(&serde_json::to_vec(&record)?)?;
            drop(file);
            fs::rename(partial, &target)
        };
        write().map_err(|error| {
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
        let path = self.dir.join(LOCK_FILE);
        while fs::metadata(&path).is_ok_and(|there| is_same(&there, &self.lock)) {
            sleep(LOOK).await;
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
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
