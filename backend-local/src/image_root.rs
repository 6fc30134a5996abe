//! Directories that stand for images.

use std::io;
use std::path::Path;

use fargate_core::{Error, ErrorKind, Result};

/// Checks that `root` can be the root directory of a job with `image`.
pub(crate) fn check(image: &str, root: &Path) -> Result<()> {
    let wrong = |why: &str, hint: &str| {
        let what = format!("the directory {} of the image {image} {why}", root.display());
        Error::new(ErrorKind::InvalidConfig, "check the root file system of an image", what)
            .hint(hint)
    };
    if !root.is_absolute() {
        return Err(wrong("is not absolute", "write its whole path, from / on"));
    }
    let unpack =
        "unpack the image there, for example: docker export CONTAINER | tar -x -C DIRECTORY";
    match has_shell(root) {
        Ok(true) => Ok(()),
        Ok(false) => Err(wrong("has no /bin/sh that can be run", unpack)),
        Err(error) => Err(wrong(&format!("cannot be used: {error}"), unpack).source(error)),
    }
}

/// Whether the file is there for those whose root directory `root` is.
#[cfg(target_os = "linux")]
fn has_shell(root: &Path) -> io::Result<bool> {
    use rustix::fs::{FileType, Mode, OFlags, ResolveFlags, fstat, open, openat2};
    use rustix::io::Errno;

    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let root = open(root, flags | OFlags::DIRECTORY, Mode::empty())?;
    let shell = match openat2(&root, "bin/sh", flags, Mode::empty(), ResolveFlags::IN_ROOT) {
        Ok(shell) => shell,
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    let shell = fstat(&shell)?;
    let is_file = FileType::from_raw_mode(shell.st_mode) == FileType::RegularFile;
    Ok(is_file
        && Mode::from_raw_mode(shell.st_mode).intersects(Mode::XUSR | Mode::XGRP | Mode::XOTH))
}

/// Elsewhere no task can have a root directory of its own.
#[cfg(not(target_os = "linux"))]
fn has_shell(_: &Path) -> io::Result<bool> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "only Linux has the namespaces for it"))
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File, Permissions};
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn refused(root: &Path) -> String {
        let error = check("alpine:*", root).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
        assert!(error.advice().is_some());
        assert!(error.message().contains("alpine:*"), "{error}");
        assert!(error.message().contains(root.to_str().unwrap()), "{error}");
        error.message().to_owned()
    }

    #[test]
    fn links_of_an_image_are_followed_as_they_are_inside() {
        let root = tempfile::tempdir().unwrap();
        assert!(refused(root.path()).contains("no /bin/sh"));
        // As in images of today; the second one is this machine's own shell if it leads outside.
        fs::create_dir_all(root.path().join("usr/bin")).unwrap();
        symlink("usr/bin", root.path().join("bin")).unwrap();
        symlink("/bin/dash", root.path().join("usr/bin/sh")).unwrap();
        assert!(refused(root.path()).contains("no /bin/sh"));
        let shell = root.path().join("usr/bin/dash");
        File::create(&shell).unwrap().set_permissions(Permissions::from_mode(0o644)).unwrap();
        assert!(refused(root.path()).contains("can be run"));
        fs::set_permissions(&shell, Permissions::from_mode(0o755)).unwrap();
        check("alpine:*", root.path()).unwrap();
    }

    #[test]
    fn what_is_no_directory_with_a_whole_path_is_told() {
        assert!(refused(Path::new("images/alpine")).contains("not absolute"));
        assert!(refused(Path::new("/nonexistent/alpine")).contains("cannot be used"));
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(refused(file.path()).contains("cannot be used"));
    }
}
