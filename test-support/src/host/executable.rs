//! Finding the program of a command, and starting it as a container runtime does.

use std::env;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A command that becomes the leader of a session of its own, as runc makes every process it
/// starts (`setsid` in its libcontainer). The error is said in runc's words.
///
/// setsid(1) does it, because nothing in the standard library does without `unsafe`; its own
/// failure to find a program would be an exit code, so the program is looked for here.
pub(super) fn in_new_session(
    words: &[String],
    search_path: &str,
    directory: &Path,
) -> Result<Command, String> {
    let Some(program) = words.first() else { return Err("no command specified".to_owned()) };
    find(program, search_path, directory)?;
    let mut command = Command::new(on_path("setsid"));
    command.arg("--").args(words);
    Ok(command)
}

/// Where a helper of this machine is. A container's own `PATH` need not lead there.
pub(crate) fn on_path(helper: &str) -> PathBuf {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut places = env::split_paths(&path).map(|place| place.join(helper));
    places.find(|place| place.is_file()).unwrap_or_else(|| helper.into())
}

/// Whether execve(2) would take it, as Go's `exec.LookPath` answers, which runc asks.
fn find(program: &str, search_path: &str, directory: &Path) -> Result<(), String> {
    if program.contains('/') {
        return look(&directory.join(program)).map_err(|why| match why {
            Why::Missing => format!("exec: {program:?}: stat {program}: no such file or directory"),
            Why::Directory => format!("exec: {program:?}: is a directory"),
            Why::Forbidden => format!("exec: {program:?}: permission denied"),
        });
    }
    let mut places = search_path.split(':').map(|place| directory.join(place).join(program));
    if places.any(|place| look(&place).is_ok()) {
        Ok(())
    } else {
        Err(format!("exec: {program:?}: executable file not found in $PATH"))
    }
}

enum Why {
    Missing,
    Directory,
    Forbidden,
}

fn look(place: &Path) -> Result<(), Why> {
    match fs::metadata(place) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Err(Why::Forbidden),
        Err(_) => Err(Why::Missing),
        Ok(there) if there.is_dir() => Err(Why::Directory),
        Ok(there) if there.permissions().mode() & 0o111 == 0 => Err(Why::Forbidden),
        Ok(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(program: &str) -> String {
        find(program, "/usr/bin:/bin", Path::new("/etc")).unwrap_err()
    }

    #[test]
    fn programs_are_found_as_a_runtime_finds_them() {
        assert_eq!(find("sh", "/usr/bin:/bin", Path::new("/")), Ok(()));
        assert_eq!(find("../bin/sh", "", Path::new("/etc")), Ok(()));
        assert_eq!(said("nope"), "exec: \"nope\": executable file not found in $PATH");
        assert_eq!(said("/nope"), "exec: \"/nope\": stat /nope: no such file or directory");
        assert_eq!(said("/etc"), "exec: \"/etc\": is a directory");
        assert_eq!(said("./passwd"), "exec: \"./passwd\": permission denied");
        let none = in_new_session(&[], "", Path::new("/")).unwrap_err();
        assert_eq!(none, "no command specified");
    }
}
