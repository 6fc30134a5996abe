//! The agent that is put into tasks.

use std::path::PathBuf;

use fargate_core::{Error, ErrorKind, Result};

/// Runs every job's image, or else the task definition's own, as it is, with an agent beside it.
///
/// The configured task definition is then a base: for each image, a definition of its own is
/// derived from it and registered once, under a name made from its content. The crate's
/// documentation says what is put over the base.
///
/// Start from [`AgentSetup::new`] and set the public fields.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AgentSetup {
    /// The image whose entry point, called with `install DIRECTORY`, copies the static agent
    /// there under the name `fargate-agent`. It must fit the CPU architecture of the base.
    pub image: String,
    /// TCP port the agent listens on, on every address of the task. Not 0. Security groups must
    /// let it in.
    pub port: u16,
    /// Where this machine remembers what is registered, made with mode 0700 where it is missing.
    /// All processes on it should share one; several configurations may. It holds the text of
    /// base definitions, which may hold secrets, so what it keeps is readable by its owner only.
    pub cache_directory: PathBuf,
}

impl AgentSetup {
    /// The agent of `image` on port 2222.
    pub fn new(image: impl Into<String>, cache_directory: impl Into<PathBuf>) -> Self {
        Self { image: image.into(), port: 2222, cache_directory: cache_directory.into() }
    }

    /// As [`EcsConfig::check`](crate::EcsConfig::check).
    pub(crate) fn check(&self) -> Result<()> {
        let wrong = |message: &str, hint: &str| {
            Err(Error::new(ErrorKind::InvalidConfig, "check ECS settings", message).hint(hint))
        };
        if self.image.trim().is_empty() {
            return wrong("AgentImage is empty", "set AgentImage, or leave it out");
        }
        if self.port == 0 {
            return wrong("the agent's port is 0", "set the port that the security groups let in");
        }
        if self.cache_directory.as_os_str().is_empty() {
            return wrong("the agent's cache directory is empty", "name a directory");
        }
        Ok(())
    }
}
