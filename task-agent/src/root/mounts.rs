//! `/proc` and `/dev` inside.

use std::fs::{self, File};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::symlink;
use std::path::Path;

use fargate_core::Result;
use rustix::fs::CWD;
use rustix::mount::{
    MountFlags, MoveMountFlags, OpenTreeFlags, mount, mount_bind_recursive, mount_remount,
    move_mount, open_tree,
};

use super::fail;

/// What runc gives every container.
const DEVICES: [&str; 6] = ["null", "zero", "full", "random", "urandom", "tty"];
/// Names in `/dev` and where they lead.
const LINKS: [(&str, &str); 5] = [
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
    ("ptmx", "pts/ptmx"),
];
/// Below `/proc`, what is not about processes but about the machine: root could change it for
/// everybody. Docker's list.
const MACHINES: [&str; 5] = ["bus", "fs", "irq", "sys", "sysrq-trigger"];

/// This machine's devices, ready to be mounted elsewhere.
pub(super) fn devices() -> Result<Vec<(&'static str, OwnedFd)>> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    DEVICES
        .into_iter()
        .map(|name| {
            let device = open_tree(CWD, Path::new("/dev").join(name), flags);
            let device = device.map_err(io::Error::from);
            Ok((name, device.map_err(fail::to(format!("take the device {name} along")))?))
        })
        .collect()
}

/// Mounts a `/proc` of this PID namespace.
pub(super) fn proc() -> Result<()> {
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    let mounted = place("/proc").and_then(|()| Ok(mount("proc", "/proc", "proc", flags, None)?));
    mounted.map_err(fail::to("mount /proc"))?;
    for name in MACHINES {
        let path = Path::new("/proc").join(name);
        if !path.exists() {
            continue;
        }
        mount_bind_recursive(&path, &path)
            .and_then(|()| mount_remount(&path, flags | MountFlags::BIND | MountFlags::RDONLY, ""))
            .map_err(io::Error::from)
            .map_err(fail::to(format!("protect {}", path.display())))?;
    }
    Ok(())
}

/// Mounts a `/dev` with these devices.
pub(super) fn dev(devices: &[(&'static str, OwnedFd)]) -> Result<()> {
    let made = || -> io::Result<()> {
        place("/dev")?;
        let plain = MountFlags::NOSUID | MountFlags::NOEXEC;
        mount("tmpfs", "/dev", "tmpfs", plain, c"mode=755")?;
        for (name, device) in devices {
            let path = Path::new("/dev").join(name);
            File::create(&path)?;
            move_mount(device, "", CWD, &path, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)?;
        }
        fs::create_dir("/dev/pts")?;
        mount("devpts", "/dev/pts", "devpts", plain, c"newinstance,ptmxmode=0666,mode=620")?;
        fs::create_dir("/dev/shm")?;
        mount("tmpfs", "/dev/shm", "tmpfs", plain | MountFlags::NODEV, c"mode=1777")?;
        for (name, target) in LINKS {
            symlink(target, Path::new("/dev").join(name))?;
        }
        Ok(())
    };
    made().map_err(fail::to("make /dev"))
}

/// A directory to mount on.
fn place(path: &str) -> io::Result<()> {
    match fs::create_dir(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}
