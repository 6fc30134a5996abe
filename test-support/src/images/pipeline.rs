//! All that a pipeline needs.

use std::collections::BTreeMap;

use super::{Image, crashing, helper, never_ready, postgres, postgres_client, user};
use crate::container::ImageRoot;
use crate::ecs::AgentImages;

/// The image that does sources, caches and artifacts.
pub const HELPER_IMAGE: &str = "registry.example.com/gitlab-runner-helper:1";

/// [`AgentImages`] and more. For jobs there are `busybox-psql:1`, and `busybox-user:1` whose user is
/// not root; as services `postgres:16`, `redis:never-ready` and `mysql:crashing`; and there is
/// [`HELPER_IMAGE`].
#[derive(Debug)]
pub struct PipelineImages {
    agent: AgentImages,
    more: BTreeMap<&'static str, Image>,
}

impl PipelineImages {
    /// Makes the trees.
    ///
    /// # Panics
    /// When something is not installed.
    #[must_use]
    pub fn new() -> Self {
        let more = BTreeMap::from([
            ("postgres:16", postgres()),
            ("busybox-psql:1", postgres_client()),
            ("redis:never-ready", never_ready()),
            ("mysql:crashing", crashing()),
            ("busybox-user:1", user()),
            (HELPER_IMAGE, helper()),
        ]);
        Self { agent: AgentImages::new(), more }
    }

    /// The images by their names.
    #[must_use]
    pub fn all(&self) -> BTreeMap<String, ImageRoot> {
        let mut all = self.agent.all();
        all.extend(self.more.iter().map(|(name, image)| ((*name).to_owned(), image.root())));
        all
    }
}

impl Default for PipelineImages {
    fn default() -> Self {
        Self::new()
    }
}
