//! Further commands in a container.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::process::{Container, root_of, variables};
use super::{helper, no_helper};
use crate::host::on_path;

impl Container {
    /// Starts a command beside the program, with its user, variables and working directory. What
    /// it writes is lost. It ends with the container at the latest.
    pub(crate) fn exec(&self, words: &[String]) -> io::Result<Child> {
        self.command(words)?
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| no_helper("nsenter", &error))
    }

    /// Such a command, as the leader of a session of its own, whose streams are the caller's to
    /// set.
    pub(crate) fn command(&self, words: &[String]) -> io::Result<Command> {
        let first = self.pid().ok_or_else(|| io::Error::other("the container does not run"))?;
        let first = first.to_string();
        let user = &self.user;
        let mut command = helper(&on_path("nsenter").to_string_lossy());
        // Its root is entered last: whatever else is needed is outside of it.
        command
            .args(["--target", &first, "--mount", "--pid", "--net", "--"])
            .args([on_path("setsid"), on_path("unshare")])
            .arg("--root")
            .arg(root_of(&self.spec.directory))
            .args(["--wd", &self.spec.working_directory])
            .args(["--setgid", &user.gid.to_string(), "--setuid", &user.uid.to_string(), "--"])
            .args(words)
            .envs(variables(&self.spec, user));
        Ok(command)
    }

    /// Whether there is such a program, in the words of runc (Go's `exec.LookPath`). A link counts
    /// as what it leads to.
    pub(crate) fn find(&self, program: &str) -> Result<(), String> {
        let root = self.pid().map(|first| PathBuf::from(format!("/proc/{first}/root")));
        let root = root.ok_or_else(|| "the container does not run".to_owned())?;
        let place = &self.spec.working_directory;
        let there = |path: &str| {
            let path = Path::new(place).join(path);
            let path = root.join(path.strip_prefix("/").unwrap_or(&path));
            fs::symlink_metadata(path).is_ok_and(|there| {
                !there.is_dir() && (there.is_symlink() || there.permissions().mode() & 0o111 != 0)
            })
        };
        if program.contains('/') {
            let missing = format!("exec: {program:?}: stat {program}: no such file or directory");
            return if there(program) { Ok(()) } else { Err(missing) };
        }
        let path = variables(&self.spec, &self.user).filter(|(name, _)| *name == "PATH").last();
        let mut places = path.map(|(_, path)| path.split(':')).into_iter().flatten();
        if places.any(|place| there(&format!("{place}/{program}"))) {
            Ok(())
        } else {
            Err(format!("exec: {program:?}: executable file not found in $PATH"))
        }
    }
}
