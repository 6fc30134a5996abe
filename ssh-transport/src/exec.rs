use fargate_core::{
    Endpoint, Error, ErrorKind, ExecRequest, ExitStatus, OutputSink, RemoteExec, Result,
    async_trait,
};
use russh::client::Msg;
use russh::{ChannelReadHalf, ChannelWriteHalf};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::config::SshConfig;
use crate::connect::Connection;
use crate::follow::{Follower, Trouble};
use crate::key::SshKey;
use crate::target::Target;
use crate::{cancel, command, error, hostkey, wrapper};

const PROBE: &str = "probe over SSH";

/// Runs scripts on an SSH server, each over a connection of its own.
///
/// The server needs nothing but `sshd` and a POSIX shell with `cat`, `wc` and `rm`. The script
/// travels on standard input, is stored without a name, and replaces the shell that received it.
#[derive(Debug, Clone)]
pub struct SshExec {
    config: SshConfig,
    key: SshKey,
}

impl SshExec {
    /// A transport that authenticates with `key`.
    #[must_use]
    pub fn new(config: SshConfig, key: SshKey) -> Self {
        Self { config, key }
    }

    async fn open_session(
        &self,
        target: &Target,
    ) -> Result<(Connection, ChannelReadHalf, ChannelWriteHalf<Msg>)> {
        let connection = Connection::open_patiently(&self.config, &self.key, target).await?;
        let (read, write) = connection.session().await?.split();
        Ok((connection, read, write))
    }

    /// Ends the script and says so in `error` if that cannot be confirmed.
    async fn end(
        &self,
        target: &Target,
        follower: &mut Follower,
        request: &ExecRequest,
        error: Error,
    ) -> Error {
        match cancel::end_script(&self.config, &self.key, target, follower, request.grace).await {
            Ok(()) => error,
            Err(cause) => {
                tracing::warn!(server = %target, %cause, "the script may still be running");
                error.with("end of the script", format!("not confirmed: {}", cause.message()))
            }
        }
    }
}

#[async_trait]
impl RemoteExec for SshExec {
    async fn probe(&self, at: &Endpoint) -> Result<Endpoint> {
        let target = Target::new(at)?;
        let deadline = Instant::now() + self.config.connect_timeout;
        let connection = Connection::open(&self.config, &self.key, &target, deadline).await?;
        let accepts = command::run(&connection, &target, PROBE, "true".to_owned());
        let status = timeout_at(deadline, accepts).await.map_err(|_| error::silent(&target))??;
        match status {
            Some(status) if status.is_success() => {}
            Some(status) => {
                return Err(target
                    .error(
                        ErrorKind::Unsupported,
                        PROBE,
                        format_args!("the command \"true\" ended with {status}"),
                    )
                    .hint("the user needs a working login shell; look at /etc/passwd"));
            }
            None => return Err(error::dropped(&target, connection.learnt())),
        }
        let seen = connection.host_key().ok_or_else(|| hostkey::unknown(&target, PROBE))?;
        let endpoint = target.endpoint(seen)?;
        connection.close().await;
        Ok(endpoint)
    }

    async fn exec(
        &self,
        at: &Endpoint,
        request: ExecRequest,
        out: &mut dyn OutputSink,
    ) -> Result<ExitStatus> {
        let target = Target::new(at)?;
        if target.host_key.is_none() {
            return Err(hostkey::unknown(&target, error::RUN));
        }
        let nonce = format!("{:032x}", fastrand::u128(..));
        let Some(command) = wrapper::receive(&nonce, request.script.len(), request.interpreter)
        else {
            return Err(target.error(
                ErrorKind::Unsupported,
                error::RUN,
                format_args!("no interpreter {:?}", request.interpreter),
            ));
        };

        let opened = before(&request.cancel, self.open_session(&target)).await;
        let Some(opened) = opened else { return Err(error::cancelled_before_start(&target)) };
        let (connection, read, write) = opened?;

        let mut follower = Follower::new(read, nonce, self.config.drain);
        let script = request.script.clone();
        // Sent without waiting for any answer. An error here shows on the reading side as well,
        // and there with its reason.
        let mut asked = false;
        let upload = async {
            asked = true;
            if write.exec(true, command).await.is_ok() && write.data_bytes(script).await.is_ok() {
                write.eof().await.ok();
            }
        };
        let followed =
            before(&request.cancel, follower.follow(upload, out, &target, &connection)).await;
        match followed {
            None if !asked => return Err(error::cancelled_before_start(&target)),
            // A status that arrives after the caller gave up changes nothing.
            None => {}
            Some(_) if request.cancel.is_cancelled() => {}
            Some(Ok(status)) => {
                // Unread output of a left-behind process would hold the goodbye up.
                drop(follower);
                connection.close().await;
                return Ok(status);
            }
            Some(Err(Trouble::Script(error))) => return Err(error),
            Some(Err(Trouble::Sink(error))) => {
                return Err(self.end(&target, &mut follower, &request, error).await);
            }
        }
        let cancelled = error::cancelled(&target);
        Err(self.end(&target, &mut follower, &request, cancelled).await)
    }
}

/// The result of `work`, unless `cancel` comes first.
async fn before<T>(cancel: &CancellationToken, work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        () = cancel.cancelled() => None,
        done = work => Some(done),
    }
}
