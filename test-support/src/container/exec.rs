//! Further commands in a container.

use std::io;
use std::process::{Child, Stdio};

use super::process::{Container, variables};
use super::{helper, no_helper};
use crate::host::on_path;

impl Container {
    /// Starts a command beside the program, with its user, variables and working directory. What
    /// it writes is lost. It ends with the container at the latest.
    pub(crate) fn exec(&self, words: &[String]) -> io::Result<Child> {
        let first = self.pid().ok_or_else(|| io::Error::other("the container does not run"))?;
        let first = first.to_string();
        let user = &self.user;
        helper(&on_path("nsenter").to_string_lossy())
            .args(["--target", &first, "--mount", "--pid", "--net", "--root"])
            .arg(format!("--wdns={}", self.spec.working_directory))
            .args(["--setgid", &user.gid.to_string(), "--setuid", &user.uid.to_string(), "--"])
            .args(words)
            .envs(variables(&self.spec, user))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| no_helper("nsenter", &error))
    }
}
