//! What it means when the kernel refuses a step.

use std::io;

use fargate_core::{Error, ErrorKind};
use rustix::io::Errno;

pub(super) const OP: &str = "enter a root file system";

const NAMESPACES: &str = "run as root with CAP_SYS_ADMIN, or allow user namespaces \
    (user.max_user_namespaces, kernel.unprivileged_userns_clone, \
    kernel.apparmor_restrict_unprivileged_userns; in a container also its seccomp profile)";

/// `what` as a thing that could not be done.
pub(super) fn to(what: impl Into<String>) -> impl FnOnce(io::Error) -> Error {
    let what = what.into();
    move |error| {
        let (kind, hint) = advice(&error);
        Error::new(kind, OP, format!("could not {what}: {error}")).hint(hint).source(error)
    }
}

fn advice(error: &io::Error) -> (ErrorKind, &'static str) {
    match Errno::from_io_error(error) {
        Some(Errno::PERM | Errno::ACCESS | Errno::NOSPC | Errno::USERS) => {
            (ErrorKind::PermissionDenied, NAMESPACES)
        }
        Some(Errno::NOSYS | Errno::NODEV) => (
            ErrorKind::InvalidConfig,
            "use a kernel with overlayfs and namespaces: Linux 5.2 for root, 5.11 for other users",
        ),
        Some(Errno::INVAL) => (
            ErrorKind::InvalidConfig,
            "keep the layer on a file system that an overlay can write to, such as ext4, xfs or \
             tmpfs: not on NFS, and not on another overlay, as the root of a container is",
        ),
        Some(Errno::NOENT | Errno::NOTDIR) => {
            (ErrorKind::InvalidConfig, "name a directory that holds a root file system")
        }
        _ => (ErrorKind::Unexpected, "see the cause, and the kernel's log (dmesg)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_forbids_says_what_would_allow_it() {
        for (errno, kind, word) in [
            (Errno::PERM, ErrorKind::PermissionDenied, "user namespaces"),
            (Errno::NOSPC, ErrorKind::PermissionDenied, "max_user_namespaces"),
            (Errno::NODEV, ErrorKind::InvalidConfig, "overlayfs"),
            (Errno::INVAL, ErrorKind::InvalidConfig, "another overlay"),
            (Errno::NOENT, ErrorKind::InvalidConfig, "root file system"),
        ] {
            let error = to("do a thing")(errno.into());
            assert_eq!(error.kind(), kind);
            assert!(error.message().contains("could not do a thing"), "{error}");
            assert!(error.advice().unwrap().contains(word), "{error:?}");
        }
    }
}
