//! What the files of a task say.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use fargate_core::{TaskKey, TaskSpec};
use serde::{Deserialize, Serialize};

/// `task.json`: what was asked for.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TaskRecord {
    version: u32,
    pub(crate) key: TaskKey,
    pub(crate) owner: TaskKey,
    labels: BTreeMap<String, String>,
    /// Seconds since 1970-01-01 UTC.
    created: u64,
    pub(crate) authorized_key: String,
}

/// `agent.json`: where the agent listens. The agent writes it.
#[derive(Debug, Deserialize)]
pub(crate) struct AgentRecord {
    pub(crate) pid: i32,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) host_key: String,
}

impl TaskRecord {
    pub(crate) fn new(spec: &TaskSpec) -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        Self {
            version: 1,
            key: spec.key.clone(),
            owner: spec.owner.clone(),
            labels: spec.labels.clone(),
            created: since.map_or(0, |since| since.as_secs()),
            authorized_key: spec.authorized_key.clone(),
        }
    }
}

/// Reads a JSON file; `None` when there is none.
pub(crate) fn read<T: serde::de::DeserializeOwned>(path: &Path) -> io::Result<Option<T>> {
    match fs::read(path) {
        Ok(text) => Ok(Some(serde_json::from_slice(&text)?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Writes a file that is either whole or not there, readable by this user only.
pub(crate) fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    // Of this file alone: the agent writes beside it, at the same time.
    let mut partial = path.as_os_str().to_owned();
    partial.push(".part");
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&partial)?;
    file.write_all(content)?;
    drop(file);
    fs::rename(partial, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever starts a task notes the process id while the agent says where it listens.
    #[test]
    fn files_of_one_stem_do_not_get_into_each_others_way() {
        let dir = tempfile::tempdir().unwrap();
        let (pid, record) = (dir.path().join("agent.pid"), dir.path().join("agent.json"));
        std::thread::scope(|scope| {
            for path in [&pid, &record] {
                scope.spawn(move || (0..2000).for_each(|_| write(path, b"{}").unwrap()));
            }
        });
        for path in [pid, record] {
            assert_eq!(fs::read(path).unwrap(), b"{}");
        }
    }
}
