//! The images of a job that runs under the agent.

use std::collections::BTreeMap;

use super::ImageRoot;
use crate::binaries;
use crate::rootfs::Rootfs;

/// The image that brings the agent.
pub const AGENT_IMAGE: &str = "registry.example.com/fargate-agent:1";

/// Root file systems for [`EcsOptions::images`](super::EcsOptions::images): the static agent from
/// scratch, and busybox.
#[derive(Debug)]
pub struct AgentImages {
    scratch: Rootfs,
    busybox: Rootfs,
}

impl AgentImages {
    /// Makes the trees.
    ///
    /// # Panics
    /// When they cannot be made, or there is no static agent.
    #[must_use]
    pub fn new() -> Self {
        let (scratch, busybox) = (Rootfs::empty(), Rootfs::busybox());
        scratch.program(&binaries::static_agent(), "/fargate-agent");
        Self { scratch, busybox }
    }

    /// [`AGENT_IMAGE`], and busybox as `busybox:1` and as the image of the definitions that a
    /// double starts with.
    #[must_use]
    pub fn all(&self) -> BTreeMap<String, ImageRoot> {
        let agent = ImageRoot {
            entrypoint: vec!["/fargate-agent".to_owned()],
            ..ImageRoot::new(self.scratch.path())
        };
        BTreeMap::from([
            (AGENT_IMAGE.to_owned(), agent),
            ("busybox:1".to_owned(), self.busybox()),
            ("registry.example.com/ci-coordinator:latest".to_owned(), self.busybox()),
        ])
    }

    /// Busybox without an entry point of its own.
    #[must_use]
    pub fn busybox(&self) -> ImageRoot {
        ImageRoot::new(self.busybox.path())
    }
}

impl Default for AgentImages {
    fn default() -> Self {
        Self::new()
    }
}
