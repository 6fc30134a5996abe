//! Programs of this machine, with all they load.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::rootfs::Rootfs;

/// Copies these programs and shared objects to the paths they have here, and the libraries they
/// are linked with. The loader finds those without its cache, for they are in its own directories.
pub(super) fn copy<P: AsRef<Path>>(root: &Rootfs, files: impl IntoIterator<Item = P>) {
    let mut all = BTreeSet::new();
    for file in files {
        all.extend(libraries(file.as_ref()));
        all.insert(file.as_ref().to_owned());
    }
    for file in all {
        root.program(&file, file.to_str().expect("a path in UTF-8"));
    }
}

/// What ldd(1) says that `file` loads, at any depth.
fn libraries(file: &Path) -> Vec<PathBuf> {
    let ldd = Command::new("ldd").arg(file).output().expect("ldd (libc-bin) starts");
    let said = String::from_utf8_lossy(&ldd.stdout);
    assert!(ldd.status.success(), "{} is no program: {said}", file.display());
    assert!(!said.contains("not found"), "{} lacks a library:\n{said}", file.display());
    // A line is "name => path (address)", or "path (address)" for the loader.
    said.split_whitespace().filter(|word| word.starts_with('/')).map(PathBuf::from).collect()
}
