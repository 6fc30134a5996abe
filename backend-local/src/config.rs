use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use fargate_core::Result;

use crate::image_root;

/// How tasks are started on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LocalConfig {
    /// Where the tasks' directories are. Made with mode 0700 if it is missing.
    pub directory: PathBuf,
    /// The program that is the task agent, and its leading arguments.
    pub agent: Vec<OsString>,
    /// Root file systems by the name of an image, as absolute paths. A task with one of these images
    /// runs in that directory, which is never changed; another image is ignored.
    pub images: BTreeMap<String, PathBuf>,
}

impl LocalConfig {
    /// Tasks below `directory`, started with `agent`: a program and its leading arguments, such
    /// as the driver's own path and "agent".
    pub fn new<I, S>(directory: impl Into<PathBuf>, agent: I) -> Self
    where
        I: IntoIterator<Item = S>,
        S: Into<OsString>,
    {
        let agent = agent.into_iter().map(Into::into).collect();
        Self { directory: directory.into(), agent, images: BTreeMap::new() }
    }

    /// Checks what can be checked before a task is launched: that every image is a directory with a
    /// shell.
    ///
    /// # Errors
    /// `InvalidConfig` names the image and its directory.
    pub fn check(&self) -> Result<()> {
        self.images.iter().try_for_each(|(image, root)| image_root::check(image, root))
    }
}
