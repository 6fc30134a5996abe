//! One command on one channel, from its start to the end of the channel.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use russh::ChannelWriteHalf;
use russh::server::{Handle, Msg};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::gate::Load;
use crate::groups::{Group, Groups};
use crate::input::Feeder;
use crate::output::pump;
use crate::{environment, shell, signals};

/// SSH_EXTENDED_DATA_STDERR, RFC 4254 section 5.2.
const STDERR: u32 = 1;
/// Between TERM and KILL for a command nobody reads any more.
const ABANDONED_GRACE: Duration = Duration::from_secs(5);
/// After a command's end its output is usually at its end too; longer than this the exit status
/// does not wait for it.
const STATUS_DELAY: Duration = Duration::from_millis(50);

/// A running command and its three pipes.
pub(crate) struct Running {
    child: Child,
    pub(crate) group: Group,
    stdin: ChildStdin,
    stdout: ChildStdout,
    stderr: ChildStderr,
}

/// What a running command is connected to.
pub(crate) struct Wiring {
    pub(crate) channel: ChannelWriteHalf<Msg>,
    pub(crate) session: Handle,
    pub(crate) feeder: Feeder,
    pub(crate) load: Arc<Load>,
    pub(crate) groups: Groups,
    /// Cancelled when the channel or the connection is gone.
    pub(crate) gone: CancellationToken,
}

/// Starts `<shell> -c <command>` in the home directory, with what of the agent's environment is not
/// its own, `more_path` in its `PATH`, and `env`.
pub(crate) fn start(
    shell: &Path,
    more_path: Option<&OsStr>,
    command: &[u8],
    env: &[(String, String)],
    groups: &Groups,
) -> io::Result<Running> {
    let home = shell::home();
    let mut shell = Command::new(shell);
    shell
        .arg("-c")
        .arg(OsStr::from_bytes(command))
        .current_dir(&home)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    environment::pass_on(&mut shell, more_path);
    if std::env::var_os("HOME").is_none() {
        // What programs such as git insist on, and runc sets for a user without a passwd entry.
        shell.env("HOME", home);
    }
    shell.envs(env.iter().map(|(name, value)| (name, value)));
    let (mut child, group) = groups.spawn(&mut shell)?;
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (Some(stdin), Some(stdout), Some(stderr)) = (stdin, stdout, stderr) else {
        return Err(io::Error::other("the command has no pipes"));
    };
    Ok(Running { child, group, stdin, stdout, stderr })
}

impl Running {
    /// Serves the command to the end of its channel, or ends it when nobody reads it any more.
    ///
    /// The channel of a command that the agent's own end cut short closes without an exit status,
    /// whatever the command made of its TERM: the client has to take the outcome as unknown.
    pub(crate) async fn serve(mut self, wiring: Wiring) {
        let Wiring { channel, session, feeder, load, groups, gone } = wiring;
        let feeding = AbortOnDropHandle::new(tokio::spawn(feeder.feed(self.stdin)));
        let (ended_at, ended) = watch::channel(None);
        let status = {
            let mut pumps = pin!(async {
                tokio::join!(
                    pump(self.stdout, None, &channel, &load, ended.clone()),
                    pump(self.stderr, Some(STDERR), &channel, &load, ended),
                )
            });
            let mut at_end = false;
            let status = loop {
                tokio::select! {
                    status = self.child.wait() => break Some(status),
                    _ = &mut pumps, if !at_end => at_end = true,
                    () = gone.cancelled() => break None,
                }
            };
            if let Some(status) = status {
                feeding.abort();
                groups.leader_ended(&self.group);
                ended_at.send_replace(Some(Instant::now()));
                if !at_end {
                    tokio::select! {
                        _ = &mut pumps => at_end = true,
                        () = sleep(STATUS_DELAY) => {}
                        () = gone.cancelled() => return,
                    }
                }
                if self.group.was_cut_short() {
                    tracing::info!("a command that the agent ended gets no exit status");
                } else {
                    report(&channel, &session, status).await;
                }
                if !at_end {
                    tokio::select! {
                        _ = &mut pumps => {}
                        () = gone.cancelled() => return,
                    }
                }
                true
            } else {
                false
            }
        };
        if status {
            close(&channel).await;
        } else {
            drop(feeding);
            // The pipes are closed by now, so the command does not hang in a write.
            self.group.end(&mut self.child, ABANDONED_GRACE).await;
            groups.leader_ended(&self.group);
        }
    }
}

/// Sends the exit status or signal (RFC 4254 section 6.10). Without either, the client has to take
/// the outcome as unknown, which is what it is when the wait failed.
async fn report(channel: &ChannelWriteHalf<Msg>, session: &Handle, status: io::Result<ExitStatus>) {
    let status = match status {
        Ok(status) => status,
        Err(error) => return tracing::error!(%error, "the command could not be waited for"),
    };
    let sent = if let Some(code) = status.code() {
        channel.exit_status(code.unsigned_abs()).await.is_ok()
    } else if let Some(number) = status.signal() {
        let name = signals::to_wire(number);
        let text = String::new();
        let dumped = status.core_dumped();
        session.exit_signal_request(channel.id(), name, dumped, text.clone(), text).await.is_ok()
    } else {
        false
    };
    if !sent {
        tracing::debug!("the connection ended before the exit status was sent");
    }
}

async fn close(channel: &ChannelWriteHalf<Msg>) {
    if channel.eof().await.is_err() || channel.close().await.is_err() {
        tracing::debug!("the connection ended before the channel was closed");
    }
}
