//! Programs of this workspace the measurements start.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the programs of the running profile are.
///
/// # Errors
/// When this program's own path is not known.
pub fn profile_directory() -> io::Result<PathBuf> {
    let me = std::env::current_exe()?;
    let parent = me.parent().ok_or_else(|| io::Error::other("this program has no directory"))?;
    // Benches and tests are in <profile>/deps, programs in <profile>.
    let profile = if parent.ends_with("deps") { parent.parent().unwrap_or(parent) } else { parent };
    Ok(profile.to_owned())
}

/// The agent: the one `FARGATE_TEST_AGENT` names, or one built from the present sources.
///
/// # Errors
/// When it cannot be built.
pub fn agent() -> io::Result<PathBuf> {
    match std::env::var_os("FARGATE_TEST_AGENT").map(PathBuf::from) {
        Some(path) if path.is_file() => Ok(path),
        Some(path) => Err(io::Error::other(format!(
            "FARGATE_TEST_AGENT names {}, which is no file",
            path.display()
        ))),
        None => build("fargate-task-agent", "fargate-agent"),
    }
}

/// The driver.
///
/// # Errors
/// When it cannot be built.
pub fn driver() -> io::Result<PathBuf> {
    build("fargate-bins", "fargate")
}

/// Our client as a process of its own (`src/bin/client.rs`).
///
/// # Errors
/// When it cannot be built.
pub fn client() -> io::Result<PathBuf> {
    own("bench-client")
}

/// What runs on the far side (`src/bin/remote.rs`).
///
/// # Errors
/// When it cannot be built.
pub fn remote() -> io::Result<PathBuf> {
    own("bench-remote")
}

/// Cargo has built this package's programs together with a bench, but not with another program.
fn own(program: &str) -> io::Result<PathBuf> {
    let me = std::env::current_exe()?;
    let built = profile_directory()?.join(program);
    if me.parent().is_some_and(|parent| parent.ends_with("deps")) && built.is_file() {
        return Ok(built);
    }
    build("fargate-benches", program)
}

fn build(package: &str, program: &str) -> io::Result<PathBuf> {
    let profile = profile_directory()?;
    let target = profile.parent().unwrap_or(Path::new("target"));
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .args(["build", "--quiet", "--package", package, "--bin", program, "--target-dir"])
        .arg(target)
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    if profile.ends_with("release") {
        command.arg("--release");
    }
    if command.status()?.success() {
        Ok(profile.join(program))
    } else {
        Err(io::Error::other(format!("{program} does not build")))
    }
}
