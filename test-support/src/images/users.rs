//! An image whose user is not root.

use super::Image;
use crate::container::ImageRoot;
use crate::rootfs::Rootfs;

/// Busybox that runs as user 1000, `ci`, with a home.
///
/// # Panics
/// When busybox-static is not installed.
#[must_use]
pub fn user() -> Image {
    let root = Rootfs::busybox();
    root.file("/etc/passwd", "root::0:0::/:/bin/sh\nci::1000:1000::/tmp:/bin/sh\n", 0o644);
    root.file("/etc/group", "root::0:\nci::1000:\n", 0o644);
    Image::new(root, ImageRoot { user: Some("ci".to_owned()), ..ImageRoot::default() })
}
