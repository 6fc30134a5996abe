//! The directory that holds every task's directory.

use std::fs;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use fargate_core::{Error, ErrorKind, Result, TaskKey};

use crate::fail;
use crate::remove::remove_all;
use crate::task_dir::TaskDir;

/// Directories on their way out have names that no key can have.
const LEAVING: &str = ".leaving-";
/// How long the directory of a task that ended by itself is kept for whoever asks.
const KEPT: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(Debug, Clone)]
pub(crate) struct Root(PathBuf);

impl Root {
    pub(crate) fn new(path: &Path) -> Self {
        // Agents run elsewhere, so a relative path would mean another place to them.
        Self(std::path::absolute(path).unwrap_or_else(|_| path.to_owned()))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn task(&self, key: &TaskKey) -> TaskDir {
        TaskDir::new(self.0.join(key.as_str()))
    }

    /// Makes the directory if it is missing, and refuses one that others can change.
    pub(crate) fn prepare(&self) -> Result<()> {
        let op = "prepare the directory for local tasks";
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.0)
            .map_err(|error| fail::on_path(op, &self.0, error))?;
        let data = fs::metadata(&self.0).map_err(|error| fail::on_path(op, &self.0, error))?;
        let untrusted = |why: &str, hint: String| {
            let message = format!("{} {why}", self.0.display());
            Error::new(ErrorKind::Untrusted, op, message).hint(hint)
        };
        if data.uid() != rustix::process::geteuid().as_raw() {
            return Err(untrusted(
                "belongs to another user",
                "configure a directory of this user's own for local tasks".into(),
            ));
        }
        if data.mode() & 0o022 != 0 {
            return Err(untrusted(
                "can be changed by others",
                format!("run: chmod go-w '{}'", self.0.display()),
            ));
        }
        Ok(())
    }

    /// The keys that have a directory.
    pub(crate) fn keys(&self) -> Result<Vec<TaskKey>> {
        let entries = match fs::read_dir(&self.0) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(fail::on_path("list local tasks", &self.0, error)),
        };
        Ok(entries
            .flatten()
            .filter_map(|entry| TaskKey::new(entry.file_name().into_string().ok()?).ok())
            .collect())
    }

    /// Removes `task` in one step as seen from outside, then its content.
    pub(crate) fn remove(&self, task: &TaskDir) -> std::io::Result<()> {
        let leaving = self.0.join(format!("{LEAVING}{:016x}", fastrand::u64(..)));
        match fs::rename(task.path(), &leaving) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
            Ok(()) => remove_all(&leaving),
        }
    }

    /// Removes what nobody asks for any more: what a crash left of a removal, and tasks that have
    /// been over for [`KEPT`] and were never stopped.
    pub(crate) fn tidy(&self) {
        for entry in fs::read_dir(&self.0).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(LEAVING)
                && let Err(error) = remove_all(&entry.path())
            {
                tracing::warn!(%error, "what is left of a task cannot be removed");
            }
        }
        for dir in self.keys().into_iter().flatten().map(|key| self.task(&key)) {
            if dir.is_older_than(KEPT)
                && !dir.is_alive()
                && let Ok(Some(_lock)) = dir.try_lock()
                && let Err(error) = self.remove(&dir)
            {
                tracing::warn!(%error, "a task that is over cannot be removed");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn only_old_tasks_that_are_over_are_tidied_away() {
        let temp = tempfile::tempdir().unwrap();
        let root = Root::new(temp.path());
        let dirs = ["old", "living", "new"].map(|name| root.task(&TaskKey::new(name).unwrap()));
        let [old, living, new] = &dirs;
        for dir in &dirs {
            dir.create().unwrap();
        }
        let held = living.take_agent_lock().unwrap();
        assert!(held.is_some());
        for dir in [old, living] {
            let past = SystemTime::now() - KEPT - Duration::from_secs(1);
            fs::File::open(dir.path()).unwrap().set_modified(past).unwrap();
        }
        fs::create_dir(temp.path().join(".leaving-1")).unwrap();
        root.tidy();
        assert!(!old.exists() && living.exists() && new.exists());
        assert!(!temp.path().join(".leaving-1").exists());
    }
}
