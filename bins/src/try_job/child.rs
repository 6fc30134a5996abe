//! One stage, one child process.

use std::ffi::OsStr;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use fargate_core::{Error, ErrorKind, Result};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::AsyncReadExt;
use tokio::process::{Child, Command};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::room::{BUILD_FAILURE, Room};
use crate::driver::{Cli, say};
use crate::exit::Exit;

/// GitLab Runner's default `graceful_kill_timeout`.
const GRACEFUL: Duration = Duration::from_secs(600);

/// Calls the driver's stages as GitLab Runner does.
pub(super) struct Stages<'a> {
    room: &'a Room,
    flags: Vec<(&'static str, String)>,
    cancel: CancellationToken,
}

impl<'a> Stages<'a> {
    pub(super) fn new(cli: &Cli, room: &'a Room, cancel: CancellationToken) -> Self {
        let mut flags = Vec::new();
        let given = [
            ("--log-level", cli.log_level.clone()),
            ("--log-level", cli.debug.then(|| "debug".to_owned())),
            ("--log-file", cli.log_file.as_ref().map(|path| absolute(path))),
            ("--log-format", cli.log_format.clone()),
            ("--task-def", cli.task_def.clone()),
            ("--platform-version", cli.platform_version.clone()),
        ];
        for (flag, value) in given {
            if let Some(value) = value {
                flags.retain(|(have, _)| *have != flag);
                flags.push((flag, value));
            }
        }
        Self { room, flags, cancel }
    }

    /// The config stage; its answer must be JSON. `Some` is a final exit.
    pub(super) async fn config(&self) -> Result<Option<Exit>> {
        let mut child = self.spawn(&["config".as_ref()], Stdio::piped())?;
        let mut answer = Vec::new();
        if let Some(stdout) = &mut child.stdout {
            stdout.read_to_end(&mut answer).await.map_err(failed)?;
        }
        let status = self.wait(child).await?;
        if status.success()
            && let Err(error) = serde_json::from_slice::<serde_json::Value>(&answer)
        {
            return Err(Error::new(ErrorKind::Unexpected, "config stage", "no JSON").source(error));
        }
        Ok(self.unless_success(status))
    }

    /// The prepare stage. `Some` is a final exit.
    pub(super) async fn prepare(&self) -> Result<Option<Exit>> {
        let status = self.wait(self.spawn(&["prepare".as_ref()], onto_stderr()?)?).await?;
        Ok(self.unless_success(status))
    }

    /// A run stage. `Some` is a final exit: the script's own, where it is the script that failed.
    pub(super) async fn script(&self, file: &Path, stage: &'static str) -> Result<Option<Exit>> {
        let stdout = if stage == "build_script" { Stdio::inherit() } else { onto_stderr()? };
        let arguments = ["run".as_ref(), file.as_os_str(), stage.as_ref()];
        let status = self.wait(self.spawn(&arguments, stdout)?).await?;
        if status.code() == Some(BUILD_FAILURE) && !self.cancel.is_cancelled() {
            let code = self.room.script_code().unwrap_or(1);
            say(&format!("{stage} ended with exit code {code}"));
            return Ok(Some(Exit(code)));
        }
        Ok(self.unless_success(status))
    }

    /// The cleanup stage, which nothing interrupts. Says whether it succeeded.
    pub(super) async fn cleanup(&self) -> Result<bool> {
        let mut child = self.spawn(&["cleanup".as_ref()], onto_stderr()?)?;
        Ok(child.wait().await.map_err(failed)?.success())
    }

    fn unless_success(&self, status: ExitStatus) -> Option<Exit> {
        if self.cancel.is_cancelled() {
            Some(Exit::INTERRUPTED)
        } else {
            (!status.success()).then_some(Exit::INFRASTRUCTURE)
        }
    }

    fn spawn(&self, stage: &[&OsStr], stdout: Stdio) -> Result<Child> {
        let this = std::env::current_exe().map_err(failed)?;
        let mut command = std::process::Command::new(this);
        command.arg("--config").arg(self.room.config());
        for (flag, value) in &self.flags {
            command.arg(flag).arg(value);
        }
        command
            .arg("custom")
            .args(stage)
            .envs(self.room.environment())
            .current_dir(self.room.work())
            .stdin(Stdio::null())
            .stdout(stdout)
            .process_group(0);
        Command::from(command).kill_on_drop(true).spawn().map_err(failed)
    }

    /// Waits for the end; passes a cancel on as the runner does.
    async fn wait(&self, mut child: Child) -> Result<ExitStatus> {
        tokio::select! {
            status = child.wait() => return status.map_err(failed),
            () = self.cancel.cancelled() => {}
        }
        signal_group(&child, Signal::TERM);
        match timeout(GRACEFUL, child.wait()).await {
            Ok(status) => status.map_err(failed),
            Err(_) => {
                signal_group(&child, Signal::KILL);
                child.wait().await.map_err(failed)
            }
        }
    }
}

fn signal_group(child: &Child, signal: Signal) {
    let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    if let Some(group) = group {
        // It may have ended in the meantime.
        let _gone = kill_process_group(group, signal);
    }
}

/// What the stage prints belongs to us, not to the script.
fn onto_stderr() -> Result<Stdio> {
    io::stderr().flush().map_err(failed)?;
    Ok(Stdio::from(io::stderr().as_fd().try_clone_to_owned().map_err(failed)?))
}

fn absolute(path: &str) -> String {
    std::path::absolute(path).unwrap_or_else(|_| PathBuf::from(path)).to_string_lossy().into_owned()
}

fn failed(error: io::Error) -> Error {
    Error::new(ErrorKind::Unexpected, "call a stage of the driver", error.to_string()).source(error)
}
