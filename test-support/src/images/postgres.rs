//! PostgreSQL.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

use super::{Image, programs, words};
use crate::container::ImageRoot;
use crate::rootfs::Rootfs;

/// As the official image's: it becomes another user, because the server refuses to run as root.
const ENTRY: &str = include_str!("postgres.sh");

/// A server that listens on port 5432 of every address. It understands what the official image
/// does of `POSTGRES_USER`, `POSTGRES_PASSWORD` and `POSTGRES_DB`. Whatever version is installed.
///
/// # Panics
/// When PostgreSQL is not installed.
#[must_use]
pub fn postgres() -> Image {
    let root = Rootfs::busybox();
    let home = installed();
    let library = |name: &str| home.join("lib").join(name);
    programs::copy(
        &root,
        [
            home.join("bin/initdb"),
            home.join("bin/postgres"),
            library("dict_snowball.so"),
            library("plpgsql.so"),
        ],
    );
    let version = home.file_name().expect("a version");
    let share = Path::new("/usr/share/postgresql").join(version);
    copy_tree(&share, &root);
    root.file("/etc/passwd", "root::0:0::/:/bin/sh\npostgres::999:999::/tmp:/bin/sh\n", 0o644);
    root.file("/etc/group", "root::0:\npostgres::999:\n", 0o644);
    root.file("/docker-entrypoint.sh", ENTRY, 0o755);
    let path = format!("{}:/bin", home.join("bin").display());
    let settings = ImageRoot {
        entrypoint: words(["/docker-entrypoint.sh"]),
        command: words(["postgres"]),
        environment: vec![
            ("PATH".to_owned(), path),
            ("PGDATA".to_owned(), "/var/lib/postgresql/data".to_owned()),
        ],
        ..ImageRoot::default()
    };
    Image::new(root, settings)
}

/// Busybox with `psql`, and nothing else.
///
/// # Panics
/// When PostgreSQL is not installed.
#[must_use]
pub fn postgres_client() -> Image {
    let root = Rootfs::busybox();
    let bin = installed().join("bin");
    programs::copy(&root, [bin.join("psql")]);
    root.file("/etc/passwd", "root::0:0::/:/bin/sh\nci::1000:1000::/tmp:/bin/sh\n", 0o644);
    let path = format!("{}:/bin", bin.display());
    let settings =
        ImageRoot { environment: vec![("PATH".to_owned(), path)], ..ImageRoot::default() };
    Image::new(root, settings)
}

/// Where Debian's package has it: a directory named after the major version.
fn installed() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let homes = versions.map(|entry| entry.path()).filter(|home| home.join("bin/initdb").is_file());
    homes.max().unwrap_or_else(|| {
        panic!("no PostgreSQL in /usr/lib/postgresql: scripts/install-test-tools installs it")
    })
}

/// Copies a directory to the path it has here. The links in it are followed: some lead to
/// dictionaries and the like elsewhere.
fn copy_tree(from: &Path, root: &Rootfs) {
    let inside = from.to_str().expect("a path in UTF-8");
    root.directory(inside, 0o755);
    let to = root.path().join(inside.trim_start_matches('/'));
    let copied = Command::new("cp")
        .args(["-RL", "--no-preserve=ownership", "-T", "--"])
        .args([from, &to])
        .status();
    let copied = copied.and_then(|status| {
        if status.success() { Ok(()) } else { Err(io::Error::other(status.to_string())) }
    });
    copied.unwrap_or_else(|error| panic!("cp of {inside}: {error}"));
}
