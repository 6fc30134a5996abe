//! The files and the command line of a task's program.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{HostSpec, executable};

/// Marks every process a task starts.
pub(super) const MARKER: &str = "FARGATE_TEST_TASK";

/// The container's `PATH`.
pub(crate) const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Makes a new host key in `directory`; returns its public half without the comment.
pub(super) fn make_host_key(directory: &Path) -> io::Result<String> {
    let private = directory.join("host_key");
    let public = directory.join("host_key.pub");
    for file in [&private, &public] {
        match fs::remove_file(file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "", "-f"])
        .arg(&private)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| io::Error::other(format!("ssh-keygen (openssh-client): {error}")))?;
    if !made.status.success() {
        let said = String::from_utf8_lossy(&made.stderr).into_owned();
        return Err(io::Error::other(format!("ssh-keygen: {said}")));
    }
    Ok(fs::read_to_string(public)?.trim().to_owned())
}

/// The key that may log in: the given one, or with [`HostSpec::refuses_key`] a stranger's.
fn authorized_key<'a>(spec: &'a HostSpec, stranger: &'a str) -> Option<&'a str> {
    if spec.refuses_key { Some(stranger) } else { spec.public_key.as_deref() }
}

/// The command that runs sshd as the entry point of a CI image does.
pub(super) fn sshd(spec: &HostSpec, host_key: &str) -> io::Result<Command> {
    let home = home(spec)?;
    let directory = &spec.directory;
    // sshd needs its privilege separation directory, which is gone after every boot.
    fs::create_dir_all("/run/sshd")?;
    let keys = directory.join("authorized_keys");
    let line = authorized_key(spec, host_key).unwrap_or_default().trim();
    fs::write(&keys, format!("{line}\n"))?;

    let mut config = String::new();
    for address in &spec.addresses {
        let _ = writeln!(config, "ListenAddress {address}:{}", spec.port);
    }
    let _ = write!(
        config,
        "HostKey {}\n\
         AuthorizedKeysFile {}\n\
         PidFile none\n\
         StrictModes no\n\
         UsePAM no\n\
         UseDNS no\n\
         PermitRootLogin yes\n\
         PasswordAuthentication no\n\
         KbdInteractiveAuthentication no\n\
         PrintMotd no\n\
         PrintLastLog no\n\
         MaxStartups 100\n\
         SetEnv HOME={} {MARKER}={}\n",
        directory.join("host_key").display(),
        keys.display(),
        home.display(),
        spec.marker,
    );
    let file = directory.join("sshd_config");
    fs::write(&file, config)?;
    let mut command = Command::new("/usr/sbin/sshd");
    command.args(["-D", "-e", "-f"]).arg(file);
    surroundings(&mut command, spec, &home)?;
    Ok(command)
}

/// The command that runs the task agent at `path`.
pub(super) fn agent(path: &Path, spec: &HostSpec, host_key: &str) -> io::Result<Command> {
    let home = home(spec)?;
    // The agent listens at one address: the one the outside uses.
    let Some(address) = spec.addresses.last() else {
        return Err(io::Error::other("a task without an address"));
    };
    let mut command = Command::new(path);
    command.arg("--listen").arg(format!("{address}:{}", spec.port));
    command.arg("--host-key").arg(spec.directory.join("host_key"));
    surroundings(&mut command, spec, &home)?;
    match authorized_key(spec, host_key) {
        Some(key) => command.env("SSH_PUBLIC_KEY", key),
        None => command.env_remove("SSH_PUBLIC_KEY"),
    };
    Ok(command)
}

/// The command the container itself names, as the leader of a session.
pub(super) fn command(spec: &HostSpec) -> io::Result<Command> {
    let home = home(spec)?;
    let mut command =
        executable::in_new_session(&spec.command, search_path(&spec.environment), &home)
            .map_err(io::Error::other)?;
    surroundings(&mut command, spec, &home)?;
    Ok(command)
}

/// A further command in the container, with the environment of its own container.
pub(super) fn exec(
    spec: &HostSpec,
    words: &[String],
    environment: &[(String, String)],
) -> Result<Command, String> {
    let home = home(spec).map_err(|error| error.to_string())?;
    let mut command = executable::in_new_session(words, search_path(environment), &home)?;
    enter(&mut command, spec, environment, &home);
    Ok(command)
}

/// Where programs are looked for.
fn search_path(environment: &[(String, String)]) -> &str {
    let own = environment.iter().rev().find(|(name, _)| name == "PATH");
    own.map_or(PATH, |(_, path)| path)
}

fn home(spec: &HostSpec) -> io::Result<PathBuf> {
    let home = spec.directory.join("home");
    fs::create_dir_all(&home)?;
    Ok(home)
}

fn surroundings(command: &mut Command, spec: &HostSpec, home: &Path) -> io::Result<()> {
    let log = fs::OpenOptions::new().create(true).append(true).open(log_file(&spec.directory))?;
    enter(command, spec, &spec.environment, home);
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    Ok(())
}

/// The environment and the directory of everything in a task.
fn enter(command: &mut Command, spec: &HostSpec, environment: &[(String, String)], home: &Path) {
    command
        .env_clear()
        .env("PATH", PATH)
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .env("HOME", home)
        .env(MARKER, &spec.marker)
        .current_dir(home);
}

/// Where the program writes what it has to say.
pub(crate) fn log_file(directory: &Path) -> PathBuf {
    directory.join("log")
}
