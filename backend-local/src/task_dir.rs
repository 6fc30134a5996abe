//! One task's directory.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::Pid;

use crate::record::{self, AgentRecord, TaskRecord};

/// How much of the agent's log goes into a message.
const TAIL: u64 = 2048;
/// Between two attempts to take a lock somebody else holds.
const LOOK: Duration = Duration::from_millis(5);

#[derive(Debug, Clone)]
pub(crate) struct TaskDir(PathBuf);

/// The exclusive right to start or stop a task.
#[derive(Debug)]
pub(crate) struct Exclusive(#[expect(dead_code, reason = "closing the file ends the lock")] File);

impl TaskDir {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn exists(&self) -> bool {
        self.0.exists()
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.0.join("home")
    }

    /// What the job changes in the root file system of its image.
    pub(crate) fn layer(&self) -> PathBuf {
        self.0.join("layer")
    }

    pub(crate) fn log_path(&self) -> PathBuf {
        self.0.join("agent.log")
    }

    /// Makes the directory, or finds it.
    pub(crate) fn create(&self) -> io::Result<()> {
        for path in [self.0.clone(), self.home()] {
            match fs::DirBuilder::new().mode(0o700).create(path) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// Waits for the exclusive right; `None` when the directory is gone.
    pub(crate) async fn lock(&self) -> io::Result<Option<Exclusive>> {
        while self.exists() {
            if let Some(lock) = self.try_lock()? {
                return Ok(Some(lock));
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(None)
    }

    /// The exclusive right, unless somebody else has it or the directory is gone.
    pub(crate) fn try_lock(&self) -> io::Result<Option<Exclusive>> {
        let path = self.0.join("lock");
        let file = match open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        match file.try_lock() {
            // The directory may have been removed, and even made anew, in the meantime.
            Ok(()) => Ok(same_file(&file, &path).then_some(Exclusive(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Whether the last entry was made or removed longer ago than `age`.
    pub(crate) fn is_older_than(&self, age: Duration) -> bool {
        let changed = fs::metadata(&self.0).and_then(|data| data.modified());
        changed.is_ok_and(|at| at.elapsed().is_ok_and(|elapsed| elapsed > age))
    }

    pub(crate) fn task(&self) -> io::Result<Option<TaskRecord>> {
        record::read(&self.0.join("task.json"))
    }

    pub(crate) fn write_task(&self, task: &TaskRecord) -> io::Result<()> {
        record::write(&self.0.join("task.json"), &serde_json::to_vec(task)?)
    }

    pub(crate) fn agent(&self) -> io::Result<Option<AgentRecord>> {
        record::read(&self.0.join("agent.json"))
    }

    pub(crate) fn write_pid(&self, pid: u32) -> io::Result<()> {
        record::write(&self.0.join("agent.pid"), pid.to_string().as_bytes())
    }

    /// Whether an agent was ever started.
    pub(crate) fn was_started(&self) -> bool {
        ["agent.pid", "agent.json"].iter().any(|name| self.0.join(name).exists())
    }

    /// Whether an agent ever listened.
    pub(crate) fn has_listened(&self) -> bool {
        self.0.join("agent.json").exists()
    }

    /// The agent's process id. It means something only while [`is_alive`](Self::is_alive).
    pub(crate) fn pid(&self) -> Option<Pid> {
        let written = fs::read_to_string(self.0.join("agent.pid")).ok();
        let pid = match written.and_then(|text| text.parse().ok()) {
            Some(pid) => pid,
            None => self.agent().ok().flatten()?.pid,
        };
        Pid::from_raw(pid)
    }

    /// Takes the agent's lock to hand it to one; `None` while an agent holds it.
    pub(crate) fn take_agent_lock(&self) -> io::Result<Option<File>> {
        let file = open(&self.0.join("agent.lock"))?;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Some(file)),
                Err(TryLockError::Error(error)) => return Err(error),
                Err(TryLockError::WouldBlock) => {}
            }
            // A shared lock is only ever held for a moment, by whoever asks as `is_alive` does.
            match file.try_lock_shared() {
                Ok(()) => std::thread::yield_now(),
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
    }

    /// Whether an agent holds its lock.
    pub(crate) fn is_alive(&self) -> bool {
        let opened = File::open(self.0.join("agent.lock"));
        opened.is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }

    /// The end of the agent's log.
    pub(crate) fn log_tail(&self) -> String {
        let read = || -> io::Result<String> {
            let mut file = File::open(self.log_path())?;
            let length = file.metadata()?.len();
            file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
            let mut tail = Vec::new();
            file.read_to_end(&mut tail)?;
            Ok(String::from_utf8_lossy(&tail).trim().to_owned())
        };
        read().unwrap_or_default()
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

fn same_file(file: &File, path: &Path) -> bool {
    let (Ok(here), Ok(there)) = (file.metadata(), fs::metadata(path)) else { return false };
    (here.dev(), here.ino()) == (there.dev(), there.ino())
}
