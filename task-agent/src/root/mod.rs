//! A root file system of its own for the agent and everything it starts (Linux).
//!
//! The agent stays one program, but runs as two processes. The one that was started makes the
//! namespaces and stands outside of the new process ids: it passes signals on and ends with the exit
//! code of the other one. That one is the first process inside. It mounts an overlay of the tree and
//! the layer, makes that its root and is the agent from then on, as in a container; it needs nothing
//! of the tree but what commands need. What the outer process cannot do is leave the inner one
//! behind: its death, even by KILL, is the death of everything inside.
//!
//! As root the namespaces are for mounts and process ids. Without the right to make those there is a
//! user namespace around them, in which the user is root and nobody else exists.

use fargate_core::Result;

use crate::AgentArgs;

#[cfg(target_os = "linux")]
mod fail;
#[cfg(target_os = "linux")]
mod inside;
#[cfg(target_os = "linux")]
mod mounts;
#[cfg(target_os = "linux")]
mod outside;
#[cfg(target_os = "linux")]
mod rights;

/// Whether this process is to stand outside of a root.
pub(crate) fn is_outside(args: &AgentArgs) -> bool {
    args.root.is_some() && args.outside.is_none()
}

/// The process whoever started the agent knows and may send signals to.
pub(crate) fn known_process(args: &AgentArgs) -> u32 {
    args.outside.unwrap_or_else(std::process::id)
}

/// Starts the agent again as the first process inside and accompanies it to its end; returns its exit
/// code.
///
/// # Errors
/// `PermissionDenied` where the kernel allows no namespaces, `Unsupported` elsewhere than on Linux.
pub(crate) fn accompany() -> Result<u8> {
    #[cfg(target_os = "linux")]
    return outside::accompany();
    #[cfg(not(target_os = "linux"))]
    Err(elsewhere())
}

/// Makes the root this process's own, if there is to be one.
///
/// # Errors
/// `PermissionDenied` and `InvalidConfig` for what the kernel refuses, `Unsupported` elsewhere than
/// on Linux.
pub(crate) fn enter(args: &AgentArgs) -> Result<()> {
    let (Some(root), Some(layer), Some(outside)) = (&args.root, &args.layer, args.outside) else {
        return Ok(());
    };
    #[cfg(target_os = "linux")]
    return inside::enter(root, layer, outside);
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (root, layer, outside);
        Err(elsewhere())
    }
}

#[cfg(not(target_os = "linux"))]
fn elsewhere() -> fargate_core::Error {
    fargate_core::Error::new(
        fargate_core::ErrorKind::Unsupported,
        "enter a root file system",
        "only Linux has the namespaces for it",
    )
}
