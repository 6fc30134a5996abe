//! Commands in one pod, each over a WebSocket of its own.

use std::fmt;
use std::time::Duration;

use fargate_core::transport::{Commands, Event, Patience, Session, StatusBy};
use fargate_core::{AgentSetup, Error, ErrorKind, ExitStatus, Result};
use tokio::time::timeout;

use super::session::{PodInput, PodSession};
use crate::call::{END_SCRIPT, EXEC, RUN_SCRIPT};
use crate::reach::PodAt;

/// The subprotocol that can tell the end of standard input. Source: `constants.go` of
/// `k8s.io/apimachinery/pkg/util/remotecommand`.
const PROTOCOL: &str = "v5.channel.k8s.io";

/// What the agent does for its commands in the helper container, where no agent runs: whatever they
/// make is everybody's, and the program of GitLab's helper image is found under its usual name.
const HELPED: [&str; 4] =
    ["sh", "-c", "umask 000; PATH=$PATH:/fargate/bin; export PATH; exec \"$@\"", "sh"];

pub(super) struct PodCommands {
    pod: PodAt,
}

impl PodCommands {
    /// Commands in the container of that name; `None` is the one that runs the jobs.
    pub(super) fn new(pod: PodAt, container: Option<&str>) -> Self {
        match container {
            Some(name) => Self { pod: pod.container(name) },
            None => Self { pod },
        }
    }

    fn query(&self, command: &[String], input: bool) -> String {
        let container = &self.pod.container;
        if container == AgentSetup::HELPER {
            let words = HELPED.map(ToOwned::to_owned).into_iter().chain(command.iter().cloned());
            return query(container, &words.collect::<Vec<_>>(), input);
        }
        query(container, command, input)
    }

    /// One attempt; returns the uid of the pod as well.
    pub(super) async fn run_once(
        &self,
        op: &'static str,
        command: &[String],
    ) -> Result<(String, ExitStatus)> {
        let (pod, socket) =
            self.pod.open(EXEC.made_for(op), &self.query(command, false), PROTOCOL).await?;
        let (mut session, _) = PodSession::new(socket, self.pod.clone(), op);
        let limit = self.pod.cluster.pace.api_timeout;
        let ended = timeout(limit, wait_for_status(&mut session)).await.unwrap_or_else(|_| {
            let what = format_args!("the command did not end within {limit:?}");
            Err(self.pod.error(ErrorKind::Timeout, op, what))
        });
        let Some(status) = ended? else {
            // The container may be coming up or on its way out.
            let what = "the cluster ended the session without an exit status";
            let error = self.pod.error(ErrorKind::ConnectFailed, op, what);
            return Err(match session.why_ended() {
                Some(why) => error.with("reason", why),
                None => error,
            });
        };
        Ok((pod.metadata.uid.unwrap_or_default(), status))
    }
}

impl Commands for PodCommands {
    type Session = PodSession;
    type Input = PodInput;

    const RUN: &'static str = RUN_SCRIPT;
    const END: &'static str = END_SCRIPT;
    // containerd tells a command's end only when nobody holds its output streams any more:
    // `drainExecSyncIO` in `internal/cri/server/container_execsync.go`.
    const STATUS: StatusBy = StatusBy::Output;

    async fn start(&self, command: &[String]) -> Result<(PodSession, PodInput)> {
        let query = self.query(command, true);
        let (_, socket) = self.pod.open_patiently(EXEC, &query, PROTOCOL).await?;
        Ok(PodSession::new(socket, self.pod.clone(), RUN_SCRIPT))
    }

    async fn run(&self, op: &'static str, command: &[String]) -> Result<Option<ExitStatus>> {
        let query = self.query(command, false);
        let (_, socket) = self.pod.open_patiently(EXEC.made_for(op), &query, PROTOCOL).await?;
        let (mut session, _) = PodSession::new(socket, self.pod.clone(), op);
        wait_for_status(&mut session).await
    }

    fn error(&self, kind: ErrorKind, op: &'static str, what: fmt::Arguments<'_>) -> Error {
        self.pod.error(kind, op, what)
    }

    fn patience(&self) -> Patience {
        Patience {
            // The line with the exit code says nothing about the other stream. Unless something
            // was left behind, the end of the session ends the wait.
            drain: Duration::from_secs(2),
            connect: self.pod.cluster.pace.api_timeout,
            // Pipes, and the buffers of kubelet, API server and every proxy in between.
            in_flight: 16 << 20,
        }
    }
}

async fn wait_for_status(session: &mut PodSession) -> Result<Option<ExitStatus>> {
    while let Some(event) = session.next().await {
        match event {
            Event::Status(status) => return Ok(Some(status)),
            Event::Refused(error) => return Err(error),
            _ => {}
        }
    }
    Ok(None)
}

fn query(container: &str, command: &[String], input: bool) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("container", container);
    for word in command {
        query.append_pair("command", word);
    }
    let input = if input { "true" } else { "false" };
    query.append_pair("stdin", input).append_pair("stdout", "true").append_pair("stderr", "true");
    query.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_a_command_is_escaped_apart() {
        let words = ["sh", "-c", "echo \"a b\" & true"].map(ToOwned::to_owned);
        assert_eq!(
            query(crate::pod::CONTAINER, &words, true),
            "container=ci-coordinator&command=sh&command=-c&command=echo+%22a+b%22+%26+true\
             &stdin=true&stdout=true&stderr=true"
        );
    }
}
