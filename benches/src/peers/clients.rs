//! The clients, and how each is started.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::args::Login;
use crate::programs;
use crate::site::Site;

/// Names as the table shows them.
pub const OURS: &str = "ours";
/// Ours with `true` as a plain command, which is what the others run: a script is stored first.
pub const PLAIN: &str = "ours, no script";
/// OpenSSH's client.
pub const SSH: &str = "ssh";
/// Go's x/crypto/ssh.
pub const GO: &str = "Go x/crypto";
/// libssh2.
pub const LIBSSH2: &str = "libssh2";
/// russh with its defaults.
pub const RUSSH: &str = "russh as it comes";

/// The clients' programs.
#[derive(Debug)]
pub struct Clients {
    ours: PathBuf,
    go: Option<PathBuf>,
    libssh2: Option<PathBuf>,
    /// What is not there, and how to install it.
    pub missing: Vec<String>,
}

impl Clients {
    /// Builds what can be built here.
    ///
    /// # Errors
    /// When our own client does not build, or `ssh` is missing.
    pub fn find() -> io::Result<Self> {
        if Command::new("ssh").arg("-V").stderr(Stdio::null()).status().is_err() {
            return Err(io::Error::other("ssh is missing: apt-get install openssh-client"));
        }
        let mut missing = Vec::new();
        let ours = programs::client()?;
        let directory = programs::profile_directory()?.join("bench-peers");
        fs::create_dir_all(&directory)?;
        let go = build_go(&directory).map_err(|why| {
            let install = "apt-get install golang-go golang-golang-x-crypto-dev";
            missing.push(format!("{GO} is missing ({install}): {why}"));
        });
        let libssh2 = build_libssh2(&directory).map_err(|why| {
            let install = "apt-get install gcc libc6-dev libssh2-1-dev";
            missing.push(format!("{LIBSSH2} is missing ({install}): {why}"));
        });
        Ok(Self { ours, go: go.ok(), libssh2: libssh2.ok(), missing })
    }

    /// Those of `wanted` that are there.
    #[must_use]
    pub fn among(&self, wanted: &[&'static str]) -> Vec<&'static str> {
        let there = |name: &&str| match *name {
            GO => self.go.is_some(),
            LIBSSH2 => self.libssh2.is_some(),
            _ => true,
        };
        wanted.iter().copied().filter(there).collect()
    }

    /// Our client in one of its modes (`src/bin/client.rs`).
    #[must_use]
    pub fn ours(&self, mode: &str, login: &Login, what: &str) -> Command {
        let mut command = Command::new(&self.ours);
        command.arg(mode).args(login.to_args()).arg(what).stdin(Stdio::null());
        command
    }

    /// The client that runs `remote` at the server. Ours sends it as a script; [`PLAIN`] knows
    /// nothing but `true`.
    ///
    /// # Errors
    /// When the client is not there.
    pub fn command(
        &self,
        client: &str,
        site: &Site,
        login: &Login,
        remote: &str,
    ) -> io::Result<Command> {
        let other = |program: &Option<PathBuf>| {
            let program = program.as_ref().ok_or_else(|| io::Error::other("not built"))?;
            let mut command = Command::new(program);
            command.args(login.to_args()).arg(remote);
            io::Result::Ok(command)
        };
        let mut command = match client {
            OURS => self.ours("command", login, remote),
            PLAIN if remote == "true" => self.ours("probe", login, ""),
            RUSSH => self.ours("russh", login, remote),
            GO => other(&self.go)?,
            LIBSSH2 => other(&self.libssh2)?,
            SSH => {
                let mut command = ssh(site, login)?;
                command.arg("127.0.0.1").arg(remote);
                command
            }
            _ => return Err(io::Error::other(format!("no client {client}"))),
        };
        command.stdin(Stdio::null());
        Ok(command)
    }
}

/// `ssh` with its options, but for the host and the command. No file of the user is read; the key
/// exchange and the cipher are those all clients here can agree on.
///
/// # Errors
/// When the known-hosts file cannot be written.
pub fn ssh(site: &Site, login: &Login) -> io::Result<Command> {
    let known_hosts = site.known_hosts(login)?;
    let mut command = Command::new("ssh");
    command.args(["-F", "none", "-T", "-l", "root", "-p", &login.port.to_string()]);
    let options = [
        format!("IdentityFile={}", login.key_file.display()),
        format!("UserKnownHostsFile={}", known_hosts.display()),
        "GlobalKnownHostsFile=/dev/null".into(),
        "IdentitiesOnly=yes".into(),
        "StrictHostKeyChecking=yes".into(),
        "BatchMode=yes".into(),
        "KexAlgorithms=curve25519-sha256".into(),
        "Ciphers=aes128-gcm@openssh.com".into(),
    ];
    for option in options {
        command.args(["-o", &option]);
    }
    command.stdin(Stdio::null());
    Ok(command)
}

fn build_go(directory: &Path) -> Result<PathBuf, String> {
    let program = directory.join("go-client");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/go/main.go");
    // Debian keeps Go libraries under this path, for builds without modules.
    let mut go = Command::new("go");
    go.env("GO111MODULE", "off").env("GOFLAGS", "").env("GOPATH", "/usr/share/gocode");
    go.env("GOCACHE", directory.join("go-cache"));
    succeed(go.arg("build").arg("-o").arg(&program).arg(source)).map(|()| program)
}

fn build_libssh2(directory: &Path) -> Result<PathBuf, String> {
    let program = directory.join("libssh2-client");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/libssh2/main.c");
    let mut gcc = Command::new("gcc");
    succeed(gcc.args(["-O2", "-o"]).arg(&program).arg(source).arg("-lssh2")).map(|()| program)
}

fn succeed(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(said.lines().next().unwrap_or("it does not build").to_owned())
}
