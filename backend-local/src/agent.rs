//! Starting a task's agent.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use fargate_core::{Error, ErrorKind, Result, TaskSpec};
use tokio::process::{Child, Command};

use crate::fail;
use crate::sweep::{self, MARKER, mark};
use crate::task_dir::TaskDir;

const OP: &str = "start local task";
/// An upper bound for the grace of a stop: the agent kills nothing sooner on its own, so that the
/// caller's grace decides.
const AGENT_GRACE: &str = "60s";
/// How long the kernel may take to end a killed process.
const KILLED: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(5);

/// Starts the agent of `spec`, with `root` as its root directory if there is one. It inherits
/// `lock`, so there is no moment in which the task runs and nobody holds it. After an error no agent
/// runs, unless the error says so.
pub(crate) fn start(
    program: &[OsString],
    dir: &TaskDir,
    spec: &TaskSpec,
    root: Option<&Path>,
    lock: File,
) -> Result<()> {
    let Some((program, leading)) = program.split_first() else {
        return Err(Error::new(ErrorKind::InvalidConfig, OP, "no agent program is configured")
            .hint("set the program that is the task agent"));
    };
    let log = log(&dir.log_path()).map_err(|error| fail::on_path(OP, &dir.log_path(), error))?;
    let log_too = log.try_clone().map_err(|error| fail::on_path(OP, &dir.log_path(), error))?;
    let mut command = Command::new(resolved(program));
    command
        .args(leading)
        .args(["--listen", "127.0.0.1:0", "--grace", AGENT_GRACE, "--state-dir"])
        .arg(dir.path())
        .env_clear()
        .envs(passed_on())
        .env("HOME", dir.home())
        .env("SSH_PUBLIC_KEY", &spec.authorized_key)
        .env(MARKER, mark(dir.path()))
        .current_dir(dir.home())
        .stdin(Stdio::from(lock))
        .stdout(Stdio::from(log))
        .stderr(Stdio::from(log_too));
    if let Some(deadline) = spec.deadline {
        command.args(["--deadline", &format!("{}ms", deadline.as_millis())]);
    }
    if let Some(root) = root {
        command.arg("--root").arg(root).arg("--layer").arg(dir.layer());
    }
    let child = command.spawn().map_err(|error| not_started(program, error))?;
    // This process's hold on the agent's lock goes with it.
    drop(command);
    if let Some(pid) = child.id()
        && let Err(error) = dir.write_pid(pid)
    {
        let error = fail::on_path(OP, dir.path(), error);
        return Err(if has_ended(child, dir) { error } else { still_runs(dir, error) });
    }
    // The runtime collects the dropped child when it ends; until then it is nobody's.
    Ok(())
}

/// Kills an agent and what it started, and waits for their end.
///
/// Blocks, and needs no runtime to do so: the one of a dropped launch may be on its way out.
#[expect(clippy::disallowed_methods, reason = "it runs on a thread for blocking work")]
fn has_ended(mut agent: Child, dir: &TaskDir) -> bool {
    if let Err(error) = agent.start_kill() {
        tracing::debug!(%error, "the agent ended by itself");
    }
    let until = Instant::now() + KILLED;
    loop {
        let left = sweep::kill_marked(dir.path());
        // The wait collects it, so that no zombie stays.
        if matches!(agent.try_wait(), Ok(Some(_))) && left == 0 && !dir.is_alive() {
            return true;
        }
        if Instant::now() >= until {
            return false;
        }
        std::thread::sleep(LOOK);
    }
}

/// `error` in a kind that does not say that nothing was started.
fn still_runs(dir: &TaskDir, error: Error) -> Error {
    let message = format!(
        "the agent in {} does not end, not even killed, after a failed start: {}",
        dir.path().display(),
        error.message()
    );
    Error::new(ErrorKind::Unexpected, OP, message)
        .hint("look for a process in an uninterruptible wait (state D), mostly for a disk")
        .source(error)
}

/// What a job may see of the environment. Everything else is the driver's: its credentials and
/// the variables of the job it serves.
fn passed_on() -> impl Iterator<Item = (OsString, OsString)> {
    const NAMES: [&str; 6] = ["PATH", "USER", "LOGNAME", "SHELL", "LANG", "TZ"];
    std::env::vars_os().filter(|(name, _)| {
        name.to_str().is_some_and(|name| NAMES.contains(&name) || name.starts_with("LC_"))
    })
}

/// The program independent of the working directory, unless it is to be found by `PATH`.
fn resolved(program: &OsString) -> PathBuf {
    let path = Path::new(program);
    if path.components().count() > 1 {
        std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
    } else {
        path.to_owned()
    }
}

fn log(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)
}

fn not_started(program: &OsString, error: io::Error) -> Error {
    let name = Path::new(program).display();
    let (kind, message, hint) = match error.kind() {
        io::ErrorKind::NotFound => (
            ErrorKind::InvalidConfig,
            format!("the agent program {name} does not exist"),
            "install it there, or configure where it is",
        ),
        io::ErrorKind::PermissionDenied => (
            ErrorKind::InvalidConfig,
            format!("the agent program {name} cannot be executed"),
            "make it executable for this user, on a file system that allows it",
        ),
        _ => (
            ErrorKind::Unavailable,
            format!("the agent program {name} could not be started: {error}"),
            "check the limits on processes and memory of this machine",
        ),
    };
    Error::new(kind, OP, message).hint(hint).source(error)
}
