//! Scripts in a pod, by the cluster's API alone.

mod commands;
mod outcome;
mod session;

use std::sync::Arc;
use std::time::Duration;

use fargate_core::transport::{Commands as _, run_script};
use fargate_core::{
    Backoff, Endpoint, Error, ErrorKind, ExecRequest, ExitStatus, OutputSink, RemoteExec, Result,
    Retry, async_trait,
};
use tokio::time::{Instant, sleep};

use self::commands::PodCommands;
use crate::config::EksConfig;
use crate::reach::Reach;

const PROBE: &str = "probe pod";

/// What the receiving shell needs.
const TOOLS: &str = "for t in cat wc rm sleep; do command -v $t >/dev/null || exit 1; done";

/// Runs scripts in pods through the cluster's API, as `kubectl exec` does: the image needs a shell
/// with `cat`, `wc`, `rm` and `sleep`, and no SSH server.
///
/// The cluster is looked up on the first use. Each script takes one WebSocket (subprotocol
/// `v5.channel.k8s.io`, in Kubernetes since 1.30) and one question for the pod: a script is sent
/// only to a pod with the uid that is known, and to the container the endpoint
/// names, else to `ci-coordinator`. A script that a
/// signal ends is told by the code a shell gives it (128 and the signal's number): the API knows no
/// signals.
#[derive(Debug, Clone)]
pub struct PodExec {
    reach: Arc<Reach>,
}

impl PodExec {
    /// A transport to the pods of the cluster that `config` names.
    #[must_use]
    pub fn new(config: EksConfig) -> Self {
        Self { reach: Arc::new(Reach::new(config)) }
    }

    async fn run(
        &self,
        commands: &PodCommands,
        at: &Endpoint,
        request: ExecRequest,
        out: &mut dyn OutputSink,
    ) -> Result<ExitStatus> {
        if at.identity().is_none() {
            let what = format_args!("it is not known which pod of this name is meant");
            return Err(commands
                .error(ErrorKind::Untrusted, PodCommands::RUN, what)
                .hint("probe the pod first and use the endpoint the probe returns"));
        }
        run_script(commands, request, out).await
    }

    async fn commands(&self, at: &Endpoint) -> Result<PodCommands> {
        let Endpoint::Exec { task, instance, container } = at else {
            let what = format!("{at} is no pod to run commands in");
            return Err(Error::new(ErrorKind::Unsupported, "reach pod", what));
        };
        let pod = self.reach.pod(task, instance.as_deref()).await?;
        Ok(PodCommands::new(pod, container.as_deref()))
    }
}

#[async_trait]
impl RemoteExec for PodExec {
    async fn probe(&self, at: &Endpoint) -> Result<Endpoint> {
        let commands = self.commands(at).await?;
        let command = ["sh", "-c", TOOLS].map(ToOwned::to_owned);
        let (uid, status) = commands.run_once(PROBE, &command).await?;
        if status.is_success() {
            return Ok(at.clone().with_identity(uid));
        }
        let what = format_args!("its shell finds no cat, wc, rm or sleep ({status})");
        Err(commands
            .error(ErrorKind::Unsupported, PROBE, what)
            .hint("take an image with a POSIX shell and these four, such as busybox"))
    }

    async fn exec(
        &self,
        at: &Endpoint,
        request: ExecRequest,
        out: &mut dyn OutputSink,
    ) -> Result<ExitStatus> {
        let until = Instant::now() + self.reach.config.pace.connect_patience;
        let mut pause = Backoff::new(Duration::from_millis(500), Duration::from_secs(5));
        loop {
            let found = tokio::select! {
                biased;
                () = request.cancel.cancelled() => {
                    let what = format!("{at}: cancelled before the script started");
                    return Err(Error::new(ErrorKind::Cancelled, PodCommands::RUN, what));
                }
                found = self.commands(at) => found,
            };
            let ended = match found {
                Ok(commands) => self.run(&commands, at, request.clone(), out).await,
                Err(error) => Err(error),
            };
            match ended {
                // Neither trouble with finding the cluster nor a command that was not handed over
                // has started anything.
                Err(error) if error.kind().retry() == Retry::Soon && Instant::now() < until => {
                    tracing::debug!(%error, "trying to run the script again: it has not started");
                }
                ended => return ended,
            }
            tokio::select! {
                () = request.cancel.cancelled() => {}
                () = sleep(pause.next_pause()) => {}
            }
        }
    }
}
