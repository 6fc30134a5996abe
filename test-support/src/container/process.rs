//! One container.

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use super::no_helper;
use super::sandbox::Sandbox;
use super::user::{self, User};
use crate::host::{PATH, exit_code, on_path, pause};

/// What a container is started with.
#[derive(Debug, Clone)]
pub(crate) struct ContainerSpec {
    /// The tree of its image.
    pub(crate) tree: PathBuf,
    /// Its own directory; made if missing.
    pub(crate) directory: PathBuf,
    /// The program and its arguments.
    pub(crate) words: Vec<String>,
    /// The variables, beside `PATH` and `HOME`; of several of one name the last counts.
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) working_directory: String,
    /// As in a Dockerfile.
    pub(crate) user: String,
    pub(crate) mounts: Vec<Mount>,
    /// Nothing but the mounts can be written to.
    pub(crate) read_only_root: bool,
}

/// Something of this machine that a container sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mount {
    pub(crate) from: PathBuf,
    /// An absolute path in the container.
    pub(crate) to: String,
    pub(crate) read_only: bool,
}

/// How a container ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The code, or 128 plus the signal.
    Exited(i32),
    /// It never began; in the runtime's words.
    NotStarted(String),
}

/// A running container. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Container {
    /// nsenter(1), whose child is a shell, whose child is the first process of the container.
    /// Both end with its code.
    outer: Child,
    pub(super) spec: ContainerSpec,
    pub(super) user: User,
}

const ENTER: &str = include_str!("enter.sh");

impl Container {
    pub(crate) fn start(sandbox: &Sandbox, spec: &ContainerSpec) -> io::Result<Self> {
        fs::create_dir_all(&spec.directory)?;
        let log = OpenOptions::new().create(true).append(true).open(log_of(&spec.directory))?;
        let place = &spec.working_directory;
        if spec.words.is_empty() {
            return Err(io::Error::other("no command specified"));
        }
        if !place.starts_with('/') {
            return Err(io::Error::other(format!("the working directory {place} is not absolute")));
        }
        let user = user::find(&spec.tree, &spec.user).map_err(io::Error::other)?;

        let access = |read_only: bool| if read_only { "ro" } else { "rw" };
        let mut command = sandbox.enter();
        command
            .args(["sh", "-ec", ENTER, "sh"])
            .args([&spec.tree, &spec.directory])
            .args([access(spec.read_only_root), place]);
        for mount in &spec.mounts {
            command.arg(&mount.from).args([mount.to.as_str(), access(mount.read_only)]);
        }
        command.arg("--");
        command.args(variables(spec, &user).map(|(name, value)| format!("{name}={value}")));
        command
            .arg(on_path("unshare"))
            .arg("--root")
            .arg(root_of(&spec.directory))
            .args(["--wd", place])
            .args(["--setgid", &user.gid.to_string(), "--setuid", &user.uid.to_string(), "--"])
            .args(&spec.words)
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(Stdio::null());
        let outer = command.spawn().map_err(|error| no_helper("nsenter", &error))?;
        Ok(Self { outer, spec: spec.clone(), user })
    }

    /// Whether its program has been started: the last thing before that is to enter the root.
    pub(crate) fn is_started(&self) -> bool {
        let root = |pid| fs::read_link(format!("/proc/{pid}/root"));
        self.pid().is_some_and(|pid| root(pid).is_ok_and(|root| root != Path::new("/")))
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<Ended> {
        let code = exit_code(self.outer.try_wait().ok()??);
        Some(match self.failure(code) {
            Some(why) => Ended::NotStarted(why),
            None => Ended::Exited(code),
        })
    }

    /// Waits for its end, which the end of its sandbox brings about; or else kills it.
    pub(crate) fn wait(&mut self) -> Ended {
        loop {
            if let Some(ended) = self.ended() {
                return ended;
            }
            // Again and again: its first process may be about to begin.
            self.signal(Signal::KILL);
            pause();
        }
    }

    /// Why the program never ran: the helpers said so, not the program.
    fn failure(&self, code: i32) -> Option<String> {
        let directory = &self.spec.directory;
        let said = fs::read_to_string(log_of(directory)).unwrap_or_default();
        let last = said.lines().last().unwrap_or_default();
        // util-linux ends in this way where execvp(3) fails.
        let unknown = matches!(code, 126 | 127) && last.starts_with("unshare: failed to execute");
        let prepared = directory.join("prepared").exists();
        let killed = code > 128;
        (unknown || !prepared && !killed).then(|| last.to_owned())
    }

    /// The first process of the container, in the eyes of this machine.
    pub(crate) fn pid(&self) -> Option<u32> {
        only_child(only_child(self.outer.id())?)
    }

    /// Sends a signal to the first process.
    pub(crate) fn signal(&self, signal: Signal) {
        let first = self.pid().and_then(|pid| Pid::from_raw(pid.cast_signed()));
        if let Some(first) = first {
            // It may be gone by now, which is what is wanted.
            let _gone = kill_process(first, signal);
        }
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        self.wait();
    }
}

/// The variables of a program in it.
pub(super) fn variables<'a>(
    spec: &'a ContainerSpec,
    user: &'a User,
) -> impl Iterator<Item = (&'a str, &'a str)> {
    let own = spec.environment.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    [("PATH", PATH), ("HOME", user.home.as_str())].into_iter().chain(own)
}

/// The root of a container with that directory, in its own mount namespace.
pub(super) fn root_of(directory: &Path) -> OsString {
    let mut root = directory.join("root").into_os_string();
    root.push("/");
    root
}

/// Where a container with that directory writes what it has to say.
pub(crate) fn log_of(directory: &Path) -> PathBuf {
    directory.join("log")
}

fn only_child(parent: u32) -> Option<u32> {
    let children = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).ok()?;
    children.split_whitespace().next()?.parse().ok()
}
