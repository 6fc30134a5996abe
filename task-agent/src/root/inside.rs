//! The first process inside, on its way there.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use fargate_core::{Error, ErrorKind, Result};
use rustix::mount::{
    MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_bind_recursive, mount_change,
    unmount,
};
use rustix::process::{Signal, fchdir, pivot_root, set_parent_process_death_signal};

use super::{fail, mounts, rights};
use crate::shell::ROOTS_HOME;

/// What every process inside finds as it is on this machine: how names are resolved.
const NAMES: [&str; 2] = ["/etc/resolv.conf", "/etc/hosts"];
/// What scripts and GitLab Runner take for granted, and its mode.
const PLACES: [(&str, u32); 4] =
    [("/tmp", 0o1777), (ROOTS_HOME, 0o700), ("/builds", 0o777), ("/cache", 0o777)];
/// A user namespace that is this machine's own maps every id to itself (user_namespaces(7)).
const EVERY_ID: [&str; 3] = ["0", "0", "4294967295"];

/// Makes `tree`, with `layer` over it, the root of this process, and gives up the rights to get out
/// of it again.
pub(super) fn enter(tree: &Path, layer: &Path, outside: u32) -> Result<()> {
    end_with(outside)?;
    let names: Vec<_> = NAMES.map(|name| (name, fs::read(name).ok())).into();
    let devices = mounts::devices()?;
    mount_change("/", MountPropagationFlags::REC | MountPropagationFlags::PRIVATE)
        .map_err(io::Error::from)
        .map_err(fail::to("keep mounts from spreading"))?;
    overlay(tree, layer)?;

    let before = pivot().map_err(fail::to("change the root"))?;
    make(PLACES).map_err(fail::to("make directories in the root"))?;
    // While the earlier root is there: a /proc may only be mounted where there is one in full
    // (mount_too_revealing in the kernel's fs/namespace.c).
    mounts::proc()?;
    mounts::dev(&devices)?;
    let left = fchdir(&before)
        .and_then(|()| unmount(".", UnmountFlags::DETACH))
        .and_then(|()| rustix::process::chdir("/"));
    left.map_err(io::Error::from).map_err(fail::to("leave the earlier root"))?;

    for (name, content) in &names {
        if let Some(content) = content {
            write(Path::new(name), content).map_err(fail::to(format!("write {name} inside")))?;
        }
    }
    rights::give_up()
}

/// Has the kernel kill this process, and with it everything inside, when `outside` ends.
fn end_with(outside: u32) -> Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(io::Error::from)
        .map_err(fail::to("be ended with the process outside"))?;
    // It may have ended before that. Seen through the /proc outside: in here it has no id.
    let status = fs::read_to_string("/proc/self/status").map_err(fail::to("read /proc"))?;
    let parent = status.lines().find_map(|line| line.strip_prefix("PPid:"));
    if parent.map(str::trim) == Some(outside.to_string().as_str()) {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Cancelled, fail::OP, "the process outside has ended"))
}

/// Mounts the overlay and makes its root the working directory.
fn overlay(tree: &Path, layer: &Path) -> Result<()> {
    let in_layer = |error| fail::to(format!("prepare the layer {}", layer.display()))(error);
    let mode = fs::metadata(tree)
        .map_err(fail::to(format!("find the directory {}", tree.display())))?
        .permissions()
        .mode();
    DirBuilder::new().recursive(true).mode(0o700).create(layer).map_err(in_layer)?;
    // With relative names no path has to be spelt in the options, where `:`, `,` and `\` are special.
    rustix::process::chdir(layer).map_err(io::Error::from).map_err(in_layer)?;
    for name in ["tree", "upper", "work", "root"] {
        match fs::create_dir(name) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(in_layer(error));
            }
            _ => {}
        }
    }
    // The root directory inside takes its mode from the upper one.
    fs::set_permissions("upper", Permissions::from_mode(mode)).map_err(in_layer)?;
    mount_bind_recursive(tree, "tree")
        .map_err(io::Error::from)
        .map_err(fail::to(format!("mount the directory {}", tree.display())))?;
    let options = if is_users_own().map_err(fail::to("read uid_map"))? {
        // Extended attributes of the class "trusted" are not for users.
        c"lowerdir=tree,upperdir=upper,workdir=work,userxattr"
    } else {
        c"lowerdir=tree,upperdir=upper,workdir=work"
    };
    mount("overlay", "root", "overlay", MountFlags::NODEV, options)
        .and_then(|()| rustix::process::chdir("root"))
        .map_err(io::Error::from)
        .map_err(fail::to(format!(
            "mount an overlay of {} and {}",
            tree.display(),
            layer.display()
        )))
}

/// Whether this is a user namespace of somebody's, not the machine's own.
fn is_users_own() -> io::Result<bool> {
    let map = fs::read_to_string("/proc/self/uid_map")?;
    Ok(!map.split_whitespace().eq(EVERY_ID))
}

/// Makes the working directory the root, and returns the earlier one: it is mounted over the new
/// root, where no path leads to it any more (the `pivot_root(".", ".")` of pivot_root(2)).
fn pivot() -> io::Result<OwnedFd> {
    let before = OwnedFd::from(File::open("/")?);
    pivot_root(".", ".")?;
    rustix::process::chdir("/")?;
    Ok(before)
}

/// Makes the directories that are not there yet.
fn make<const N: usize>(places: [(&str, u32); N]) -> io::Result<()> {
    for (place, mode) in places {
        if fs::symlink_metadata(place).is_err() {
            fs::create_dir(place)?;
            // Whatever this process's umask is.
            fs::set_permissions(place, Permissions::from_mode(mode))?;
        }
    }
    Ok(())
}

/// Writes a file in place of whatever has its name: a link there would lead to another one.
fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)?;
    }
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o644).open(path)?;
    io::Write::write_all(&mut file, content)
}
