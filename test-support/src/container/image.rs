//! Images as directory trees.

use std::path::PathBuf;

/// An image: its files, and what its Dockerfile says about running it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageRoot {
    /// The root directory. Never written to: each container has an overlay over it.
    pub tree: PathBuf,
    /// `ENTRYPOINT`.
    pub entrypoint: Vec<String>,
    /// `CMD`.
    pub command: Vec<String>,
    /// `USER`: a name of the tree's `/etc/passwd` or a number, with `:group` or without.
    pub user: Option<String>,
    /// `ENV`.
    pub environment: Vec<(String, String)>,
    /// `WORKDIR`; made if the tree does not have it.
    pub working_directory: Option<String>,
}

impl ImageRoot {
    /// The image of that tree, without any settings.
    #[must_use]
    pub fn new(tree: impl Into<PathBuf>) -> Self {
        Self { tree: tree.into(), ..Self::default() }
    }
}
