use std::sync::Arc;

use fargate_core::transport::{Commands as _, Dial, run_script};
use fargate_core::{
    Endpoint, ErrorKind, ExecRequest, ExitStatus, OutputSink, RemoteExec, Result, SecretText,
    async_trait,
};
use tokio::time::{Instant, timeout_at};

use crate::commands::{SshCommands, wait_for_status};
use crate::config::SshConfig;
use crate::connect::{Client, Connection};
use crate::key::SshKey;
use crate::target::Target;
use crate::{error, hostkey};

const PROBE: &str = "probe over SSH";

/// Runs scripts on an SSH server, each over a connection of its own.
///
/// The server needs nothing but `sshd` and a POSIX shell with `cat`, `wc` and `rm`. The script
/// travels on standard input, is stored without a name, and replaces the shell that received it.
#[derive(Debug, Clone)]
pub struct SshExec {
    client: Client,
}

impl SshExec {
    /// A transport that authenticates with `key`.
    #[must_use]
    pub fn new(config: SshConfig, key: SshKey) -> Self {
        Self { client: Client { config, key, dialer: None, secret: None } }
    }

    /// Lets a probe take an unknown host key only from a server that proves it with `secret`
    /// ([`host_proof`](fargate_core::host_proof)), instead of from whoever answers first.
    ///
    /// What a server learns before is a user name. A host key that the endpoint names is strictly
    /// checked and needs no proof.
    #[must_use]
    pub fn proving(mut self, secret: SecretText) -> Self {
        self.client.secret = Some(secret);
        self
    }

    /// Reaches [`Endpoint::Forwarded`] through `dialer`.
    #[must_use]
    pub fn through(mut self, dialer: Arc<dyn Dial>) -> Self {
        self.client.dialer = Some(dialer);
        self
    }
}

#[async_trait]
impl RemoteExec for SshExec {
    async fn probe(&self, at: &Endpoint) -> Result<Endpoint> {
        let target = Target::new(at)?;
        let deadline = Instant::now() + self.client.config.connect_timeout;
        let connection = Connection::open(&self.client, &target, deadline).await?;
        let accepts = wait_for_status(&connection, &target, PROBE, "true".to_owned());
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
            return Err(hostkey::unknown(&target, SshCommands::RUN));
        }
        run_script(&SshCommands::new(&self.client, target), request, out).await
    }
}
