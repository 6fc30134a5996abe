//! Services of which something is wrong. All are busybox with another command.

use super::{Image, words};
use crate::container::ImageRoot;
use crate::rootfs::Rootfs;

/// Writes two lines and listens nowhere.
///
/// # Panics
/// When busybox-static is not installed.
#[must_use]
pub fn never_ready() -> Image {
    shell("echo reading configuration; echo waiting for a licence; while :; do sleep 60; done")
}

/// Ends at once with exit code 3; its last words are on stderr.
///
/// # Panics
/// When busybox-static is not installed.
#[must_use]
pub fn crashing() -> Image {
    shell("echo starting; echo 'FATAL: no space left for the journal' >&2; exit 3")
}

/// Listens on `port` of every address and hangs up on whoever connects.
///
/// # Panics
/// When busybox-static is not installed.
#[must_use]
pub fn holding(port: u16) -> Image {
    shell(&format!("exec nc -ll -p {port} -e /bin/true"))
}

fn shell(script: &str) -> Image {
    let command = words(["/bin/sh", "-c", script]);
    Image::new(Rootfs::busybox(), ImageRoot { command, ..ImageRoot::default() })
}
