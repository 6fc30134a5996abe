//! Putting what other containers need where they find it.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind as Io};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use fargate_core::{Error, ErrorKind, Result};

/// The copy's name.
const NAME: &str = "fargate-agent";
/// Whoever the other container's user is may run it.
const MODE: u32 = 0o755;
/// Where links to programs are, in the directory; [`AgentSetup::LINKS`](fargate_core::AgentSetup).
const LINKS: &str = "bin";
/// The name GitLab's scripts call, and what GitLab's helper images have. They have it under no other
/// name; what an image has itself comes first in the `PATH`.
const RUNNER: [&str; 2] = ["gitlab-runner", "/usr/bin/gitlab-runner-helper"];
const OP: &str = "install the agent";

/// Copies the running program to `fargate-agent` in `directory` and returns the copy's path. Makes
/// `bin/gitlab-runner` there, a link to the program of that purpose in GitLab's helper images.
///
/// Either appears whole or not at all, in place of an earlier one. Nothing is needed of the image
/// the agent comes in, not even a shell; on Linux `/proc` has to be mounted, as it is in every
/// container.
///
/// # Errors
/// `NotFound` when the directory or `/proc` is not there, `PermissionDenied` when the directory is
/// read-only or not this user's, `Capacity` when it is full, `Conflict` when one of the names is a
/// directory's, or that of the links' directory is none.
pub fn install(directory: &Path) -> Result<PathBuf> {
    let target = directory.join(NAME);
    let (mut program, size) = running()?;
    replace(&target, |partial| copy(&mut program, size, partial))
        .and_then(|()| link(directory))
        .map_err(|error| failed(directory, size, error))?;
    tracing::info!(path = %target.display(), bytes = size, "installed");
    Ok(target)
}

/// Lets `make` make a file beside `target` and puts it there.
fn replace(target: &Path, make: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
    let mut partial = target.as_os_str().to_owned();
    partial.push(format!(".{:016x}", rand::random::<u64>()));
    let partial = PathBuf::from(partial);
    make(&partial).and_then(|()| fs::rename(&partial, target)).inspect_err(|_| {
        // It may not even have come into being; that it is gone is all that matters.
        fs::remove_file(&partial).ok();
    })
}

/// Makes the links.
fn link(directory: &Path) -> io::Result<()> {
    let links = directory.join(LINKS);
    match fs::create_dir(&links) {
        // Whatever this process's umask is.
        Ok(()) => fs::set_permissions(&links, Permissions::from_mode(MODE))?,
        Err(error) if error.kind() == Io::AlreadyExists && links.is_dir() => {}
        Err(error) => return Err(error),
    }
    let [name, program] = RUNNER;
    replace(&links.join(name), |partial| symlink(program, partial))
}

/// The running program and its size.
fn running() -> Result<(File, u64)> {
    // Opened, not followed: its name may be gone or belong to another file by now.
    let program = if cfg!(target_os = "linux") {
        Ok(PathBuf::from("/proc/self/exe"))
    } else {
        std::env::current_exe()
    };
    let open = || -> io::Result<(File, u64)> {
        let file = File::open(program?)?;
        let size = file.metadata()?.len();
        Ok((file, size))
    };
    open().map_err(|error| {
        let (kind, hint) = match error.kind() {
            Io::NotFound => (ErrorKind::NotFound, "mount /proc, as container runtimes do"),
            _ => (ErrorKind::PermissionDenied, "let this user read the program"),
        };
        Error::new(kind, OP, "the running program cannot be read").hint(hint).source(error)
    })
}

fn copy(program: &mut File, size: u64, partial: &Path) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(MODE).open(partial)?;
    io::copy(program, &mut file)?;
    // Whatever this process's umask is.
    file.set_permissions(Permissions::from_mode(MODE))?;
    let written = file.metadata()?.len();
    if written != size {
        return Err(io::Error::other(format!("{written} of {size} bytes were written")));
    }
    Ok(())
}

fn failed(directory: &Path, size: u64, error: io::Error) -> Error {
    let (kind, why, hint) = match error.kind() {
        Io::NotFound => {
            (ErrorKind::NotFound, "is not there", "mount the shared volume there, or create it")
        }
        Io::NotADirectory => (ErrorKind::NotFound, "is no directory", "name a directory"),
        Io::ReadOnlyFilesystem => (
            ErrorKind::PermissionDenied,
            "is read-only",
            "mount the volume writable in the container that installs the agent",
        ),
        Io::PermissionDenied => (
            ErrorKind::PermissionDenied,
            "may not be written to by this user",
            "run as root, or give the directory to this user",
        ),
        Io::StorageFull | Io::QuotaExceeded => {
            (ErrorKind::Capacity, "is full", "make room for the program, or for a second copy")
        }
        Io::IsADirectory => {
            (ErrorKind::Conflict, "has a directory of a program's name", "remove that directory")
        }
        Io::AlreadyExists => (
            ErrorKind::Conflict,
            "has a bin that is no directory",
            "remove it, or install into an empty directory",
        ),
        _ => (ErrorKind::Unexpected, "cannot be written to", "see the cause"),
    };
    Error::new(kind, OP, format!("{} {why}", directory.display()))
        .with("bytes", size.to_string())
        .hint(hint)
        .source(error)
}
