//! What does sources, caches and artifacts.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;

use super::{Image, programs};
use crate::container::ImageRoot;
use crate::host::on_path;
use crate::rootfs::Rootfs;

/// Stands for GitLab's program.
const PROGRAM: &str = include_str!("gitlab-runner-helper.sh");

/// As GitLab's helper image: git with what a clone over HTTP needs, a shell, and
/// `/usr/bin/gitlab-runner-helper`, which here stands for GitLab's program and says how far.
///
/// # Panics
/// When git is not installed.
#[must_use]
pub fn helper() -> Image {
    let root = Rootfs::busybox();
    let git = on_path("git");
    let programs = git_programs();
    let http = programs.join("git-remote-http");
    programs::copy(&root, [&git, &http]);
    // git looks for its parts, and for itself, where it was installed.
    let inside =
        |name: &str| root.path().join(programs.strip_prefix("/").expect("absolute")).join(name);
    symlink("git-remote-http", inside("git-remote-https")).expect("a link");
    symlink(&git, inside("git")).expect("a link");
    root.file("/etc/passwd", "root::0:0::/root:/bin/sh\n", 0o644);
    root.directory("/root", 0o700);
    root.file("/usr/bin/gitlab-runner-helper", PROGRAM, 0o755);
    Image::new(root, ImageRoot::default())
}

fn git_programs() -> PathBuf {
    let said = Command::new(on_path("git")).arg("--exec-path").output().expect("git starts");
    let path = String::from_utf8(said.stdout).expect("a path in UTF-8");
    fs::canonicalize(path.trim()).expect("git's programs")
}
