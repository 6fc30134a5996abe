//! Removing a directory with everything in it.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Removes a directory that somebody else may be removing too, with directories in it that this
/// user owns but has closed: some tools protect what they have downloaded in this way, and the kernel
/// makes the working directory of an overlay so.
pub(crate) fn remove_all(path: &Path) -> io::Result<()> {
    let mut opened = false;
    loop {
        match fs::remove_dir_all(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && path.exists() => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied && !opened => {
                open(path);
                opened = true;
            }
            removed => return removed,
        }
    }
}

/// Opens `directory` and those below it to their owner, as far as that is this user. Whatever
/// cannot be opened shows in the removal.
fn open(directory: &Path) {
    if fs::set_permissions(directory, Permissions::from_mode(0o700)).is_err() {
        return;
    }
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        // Of the entry itself: a link is not followed.
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            open(&entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closed_directories_go_too_and_links_lead_nowhere() {
        let root = tempfile::tempdir().unwrap();
        let (leaving, staying) = (root.path().join("leaving"), root.path().join("staying"));
        let closed = leaving.join("closed/below");
        fs::create_dir_all(&closed).unwrap();
        fs::create_dir(&staying).unwrap();
        fs::write(closed.join("file"), "").unwrap();
        std::os::unix::fs::symlink(&staying, leaving.join("link")).unwrap();
        fs::set_permissions(&staying, Permissions::from_mode(0o755)).unwrap();
        fs::set_permissions(&closed, Permissions::from_mode(0o000)).unwrap();
        fs::set_permissions(leaving.join("closed"), Permissions::from_mode(0o555)).unwrap();
        // Root may remove it anyhow, so what makes that possible for others is looked at by itself.
        open(&leaving);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&closed), mode(&staying)), (0o700, 0o755));
        remove_all(&leaving).unwrap();
        assert!(!leaving.exists() && staying.exists());
        remove_all(&leaving).unwrap();
    }
}
