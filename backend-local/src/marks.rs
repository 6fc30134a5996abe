//! Marks of stopped keys: a key whose task was stopped must not start another one.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use fargate_core::TaskKey;

/// How long a mark is kept. ECS keeps a client token as long.
const KEPT: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(Debug, Clone)]
pub(crate) struct Marks(PathBuf);

impl Marks {
    /// Marks below `root`.
    pub(crate) fn below(root: &Path) -> Self {
        Self(root.join(".stopped"))
    }

    pub(crate) fn has(&self, key: &TaskKey) -> bool {
        self.0.join(key.as_str()).exists()
    }

    /// Marks `key` and drops marks that are old enough. Does nothing where the root is gone.
    pub(crate) fn set(&self, key: &TaskKey) -> io::Result<()> {
        match fs::DirBuilder::new().mode(0o700).create(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        let path = self.0.join(key.as_str());
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
        self.forget_old();
        Ok(())
    }

    fn forget_old(&self) {
        for entry in fs::read_dir(&self.0).into_iter().flatten().flatten() {
            let age = entry.metadata().and_then(|data| data.modified());
            let old = age.is_ok_and(|at| at.elapsed().is_ok_and(|age| age > KEPT));
            if old && let Err(error) = fs::remove_file(entry.path()) {
                tracing::debug!(%error, "an old mark was removed by somebody else");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn marks_are_kept_for_a_day() {
        let root = tempfile::tempdir().unwrap();
        let marks = Marks::below(root.path());
        let (old, new) = (TaskKey::new("old").unwrap(), TaskKey::new("new").unwrap());
        marks.set(&old).unwrap();
        assert!(marks.has(&old));
        let file = OpenOptions::new().write(true).open(marks.0.join("old")).unwrap();
        file.set_modified(SystemTime::now() - KEPT - Duration::from_secs(1)).unwrap();
        marks.set(&new).unwrap();
        assert!(!marks.has(&old));
        assert!(marks.has(&new));
    }

    #[test]
    fn without_a_root_there_is_nothing_to_mark() {
        let marks = Marks::below(Path::new("/nonexistent/root"));
        marks.set(&TaskKey::new("key").unwrap()).unwrap();
    }
}
