//! What an image has to bring along: a shell and a directory to start in.

use std::env;
use std::path::{Path, PathBuf};

use fargate_core::{Error, ErrorKind, Result};
use rustix::fs::{Access, access};

/// What execvp(3) and shells fall back to is too little on some systems.
pub(crate) const DEFAULT_PATH: &str =
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Root's home.
pub(crate) const ROOTS_HOME: &str = "/root";

/// The shell that runs commands: `/bin/sh`, or where an image has none there, the first `sh` on the
/// `PATH`.
pub(crate) fn find() -> Result<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_else(|| DEFAULT_PATH.into());
    let on_path = env::split_paths(&path).map(|place| place.join("sh"));
    std::iter::once(PathBuf::from("/bin/sh")).chain(on_path).find(|shell| runs(shell)).ok_or_else(
        || {
            Error::new(
                ErrorKind::Unsupported,
                "look for a shell",
                "there is no sh that this user may run, in /bin or on the PATH",
            )
            .with("PATH", path.to_string_lossy())
            .hint("use an image with a shell; busybox's is enough")
        },
    )
}

/// Where commands start: `HOME`, if this user may enter it, else the root directory.
pub(crate) fn home() -> PathBuf {
    let home = env::var_os("HOME").map(PathBuf::from);
    let usable = home.filter(|home| home.is_dir() && may_execute(home));
    usable.unwrap_or_else(|| PathBuf::from("/"))
}

fn runs(shell: &Path) -> bool {
    shell.is_file() && may_execute(shell)
}

/// Whether this user may run the file or enter the directory.
fn may_execute(path: &Path) -> bool {
    access(path, Access::EXEC_OK).is_ok()
}
