//! Images of real programs, made from what this machine has installed: each holds its programs with
//! the shared libraries they load, and busybox.
//!
//! Needs root, and what `scripts/install-test-tools` installs.

mod helper;
mod pipeline;
mod postgres;
mod programs;
mod services;
mod users;

pub use self::helper::helper;
pub use self::pipeline::{HELPER_IMAGE, PipelineImages};
pub use self::postgres::{postgres, postgres_client};
pub use self::services::{crashing, holding, never_ready};
pub use self::users::user;

use std::path::Path;

use crate::container::ImageRoot;
use crate::rootfs::Rootfs;

/// A root file system, and how a container of it starts.
#[derive(Debug)]
pub struct Image {
    root: Rootfs,
    settings: ImageRoot,
}

impl Image {
    fn new(root: Rootfs, settings: ImageRoot) -> Self {
        Self { root, settings }
    }

    /// For [`EcsOptions::images`](crate::ecs::EcsOptions::images), as long as this lives.
    #[must_use]
    pub fn root(&self) -> ImageRoot {
        ImageRoot { tree: self.path().to_owned(), ..self.settings.clone() }
    }

    /// The root directory, seen from outside.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.root.path()
    }

    /// A way into it, without the image's settings.
    #[must_use]
    pub fn entry(&self) -> crate::rootfs::Entry {
        self.root.entry()
    }
}

fn words<const N: usize>(words: [&str; N]) -> Vec<String> {
    words.map(str::to_owned).into()
}
