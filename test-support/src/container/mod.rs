//! Containers as processes: namespaces and an overlay of their own, made with unshare(1) and mount(8).
//!
//! A [`Sandbox`] is what the containers of a task share: the network, and a pid namespace whose
//! end is the end of them all. A [`Container`] has a root file system, mounts and a pid namespace
//! inside that one. The kernel ends and removes everything with the process that made it, even
//! if that is killed; nothing has a name that somebody would have to sweep up.
//!
//! Needs root and util-linux, coreutils and iproute2.

mod exec;
mod group;
mod image;
mod process;
mod sandbox;
mod user;

use std::io;
use std::process::Command;

pub(crate) use self::group::{
    ContainerPlan, Dependency, Group, GroupEnd, HealthCheck, Shared, Standing, Step, VolumeMount,
};
pub use self::image::ImageRoot;
pub(crate) use self::process::{Container, ContainerSpec, Ended, Mount};
pub use self::sandbox::HOST_ADDRESS;
pub(crate) use self::sandbox::Sandbox;

/// A command that has only the `PATH` in which its own helpers are found.
fn helper(program: &str) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("PATH", crate::host::PATH);
    command
}

fn no_helper(program: &str, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{program} does not start: {error}"))
}
