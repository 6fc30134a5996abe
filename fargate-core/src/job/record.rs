use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::{Credential, JobId};
use crate::{Endpoint, TaskHandle, TaskKey, TaskNeeds};

/// What one stage of a job leaves for the next.
///
/// It is first written before the launch (with neither task nor endpoint), again when the backend
/// accepted the task, and a last time when the task accepts commands.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[non_exhaustive]
pub struct JobRecord {
    /// Version of this format.
    pub version: u32,
    /// Whose record it is.
    pub job: JobId,
    /// The key of the current attempt.
    pub key: TaskKey,
    /// When the attempt began, in seconds since 1970.
    pub created: u64,
    /// The labels it is launched with: launching the key again must be the same request.
    pub labels: BTreeMap<String, String>,
    /// What it is launched with, for the same reason.
    #[serde(flatten)]
    pub needs: TaskNeeds,
    /// How long its task may live, for the same reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Duration>,
    /// The task, once the backend has accepted it.
    pub task: Option<TaskHandle>,
    /// Where it accepts commands, once it does; with its host key.
    pub endpoint: Option<Endpoint>,
    /// Where its helper container does, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub helper: Option<Endpoint>,
    /// What lets the driver in.
    pub credential: Credential,
}

impl JobRecord {
    /// The version this program writes and the newest it reads.
    pub const VERSION: u32 = 1;

    /// The record of an attempt whose task is not launched yet.
    #[must_use]
    pub fn new(job: JobId, key: TaskKey, credential: Credential) -> Self {
        Self {
            version: Self::VERSION,
            job,
            key,
            created: now().as_secs(),
            labels: BTreeMap::new(),
            needs: TaskNeeds::default(),
            deadline: None,
            task: None,
            endpoint: None,
            helper: None,
            credential,
        }
    }

    /// How long ago the attempt began; zero if the clock went back.
    pub(super) fn age(&self) -> Duration {
        now().saturating_sub(Duration::from_secs(self.created))
    }
}

fn now() -> Duration {
    SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default()
}
