use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use fargate_core::transport::Dial;
use fargate_core::{Backoff, ErrorKind, Result, Retry, SecretText};
use russh::client::{self, AuthResult, Handle};
use russh::keys::{HashAlg, PrivateKeyWithHashAlg, PublicKey};
use russh::{Channel, Disconnect, Preferred, cipher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::lookup_host;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::config::SshConfig;
use crate::error;
use crate::hang_up::Tunnel;
use crate::hostkey::{self, HostKeyCheck, Learnt};
use crate::key::SshKey;
use crate::socket::Socket;
use crate::target::{Address, Target};

/// The window a session starts with (RFC 4254 section 5.2), in bytes.
///
/// Throughput over a long path is the window divided by the round trip, and russh refills it only
/// below its half: at 20 ms this is 4.4 times what `ssh` reaches with its 2 MiB. It does not cost
/// memory here: at most [`QUEUED_PACKETS`] packets of 32 KiB wait for a slow sink, then the socket
/// is not read. It may cost the server as much for each stream while the network is the bottleneck,
/// which is why it is not larger still.
pub(crate) const WINDOW: u32 = 24 << 20;

const QUEUED_PACKETS: usize = 100;

/// AES-GCM first: with hardware AES it is well ahead of ChaCha20, which is for the rest.
const CIPHERS: &[cipher::Name] = &[
    cipher::AES_128_GCM,
    cipher::AES_256_GCM,
    cipher::CHACHA20_POLY1305,
    cipher::AES_256_CTR,
    cipher::AES_192_CTR,
    cipher::AES_128_CTR,
];

/// What every connection is made with.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    pub(crate) config: SshConfig,
    pub(crate) key: SshKey,
    /// The way to ports that TCP does not reach.
    pub(crate) dialer: Option<Arc<dyn Dial>>,
    /// Whoever shows an unknown host key has to prove it with this.
    pub(crate) secret: Option<SecretText>,
}

/// An authenticated connection. Dropping it ends it.
pub(crate) struct Connection {
    handle: Handle<HostKeyCheck>,
    learnt: Arc<Learnt>,
    target: Target,
    _hang_up: DropGuard,
}

impl Connection {
    /// One attempt, from the name lookup to the accepted key.
    pub(crate) async fn open(client: &Client, target: &Target, deadline: Instant) -> Result<Self> {
        let hang_up = CancellationToken::new();
        match target.address()? {
            Address::Tcp { host, port } => {
                let tcp = tcp(client, target, host, port, &hang_up);
                let socket =
                    timeout_at(deadline, tcp).await.map_err(|_| error::tcp_timeout(target))??;
                Self::over(client, target, socket, hang_up, deadline).await
            }
            Address::Forwarded { task, instance, port } => {
                let dialer = client.dialer.as_ref().ok_or_else(|| error::no_dialer(target))?;
                let dial = dialer.dial(task, instance, port);
                let stream =
                    timeout_at(deadline, dial).await.map_err(|_| error::dial_timeout(target))??;
                let tunnel = Tunnel::new(stream, &hang_up);
                Self::over(client, target, tunnel, hang_up, deadline).await
            }
        }
    }

    /// The connection over a stream that is open.
    async fn over(
        client: &Client,
        target: &Target,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        hang_up: CancellationToken,
        deadline: Instant,
    ) -> Result<Self> {
        timeout_at(deadline, Self::handshake(client, target, stream, hang_up.drop_guard()))
            .await
            .map_err(|_| error::silent(target))?
    }

    /// Attempts until one succeeds or fails for good, for as long as the configuration says.
    ///
    /// # Cancel safety
    /// Cancel-safe: nothing was started.
    pub(crate) async fn open_patiently(client: &Client, target: &Target) -> Result<Self> {
        let config = &client.config;
        let started = Instant::now();
        let mut pauses = Backoff::new(Duration::from_millis(200), Duration::from_secs(3));
        let mut attempts = 0_u32;
        loop {
            let deadline = Instant::now() + config.connect_timeout;
            let error = match Self::open(client, target, deadline).await {
                Ok(connection) => return Ok(connection),
                Err(error) => error,
            };
            attempts += 1;
            let pause = pauses.next_pause();
            // A timeout here is one of connecting, so nothing was started either; an API on the way
            // may be busy.
            let kind = error.kind();
            let may_pass = kind.retry() == Retry::Soon || kind == ErrorKind::Timeout;
            // One slow attempt may take all of the time, and gets its second chance even so.
            let in_time = started.elapsed() + pause < config.connect_retry
                || (attempts == 1 && !config.connect_retry.is_zero());
            if !may_pass || !in_time {
                return Err(error.with("attempts", attempts.to_string()));
            }
            tracing::debug!(server = %target, %error, ?pause, "will connect again");
            sleep(pause).await;
        }
    }

    async fn handshake(
        client: &Client,
        target: &Target,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        hang_up: DropGuard,
    ) -> Result<Self> {
        let learnt = Arc::new(Learnt::default());
        let check = match (&target.host_key, &client.secret) {
            (Some(known), _) => HostKeyCheck::is(known.clone(), &learnt),
            (None, Some(secret)) => HostKeyCheck::is_proved_with(secret.clone(), &learnt),
            (None, None) => HostKeyCheck::none(&learnt),
        };
        let unproved = target.host_key.is_none() && client.secret.is_some();
        let protocol = Arc::new(protocol_settings(&client.config, target));
        let handle =
            client::connect_stream(protocol, stream, check).await.map_err(|cause| {
                match (&cause, &target.host_key, learnt.host_key()) {
                    (russh::Error::UnknownKey, Some(known), Some(seen)) => {
                        hostkey::changed(target, error::CONNECT, known, seen)
                    }
                    _ => error::handshake(target, cause),
                }
            })?;
        let mut this = Self { handle, learnt, target: target.clone(), _hang_up: hang_up };
        if unproved {
            this.wait_for_proof().await?;
        }
        this.authenticate(&client.key).await?;
        Ok(this)
    }

    /// Asks what authentication there is, naming the user and nothing else: a server sends its
    /// banner before it answers (RFC 4252 sections 5.2 and 5.4). Whatever it answers, only the proof
    /// counts.
    async fn wait_for_proof(&mut self) -> Result<()> {
        let answer = self.handle.authenticate_none(self.target.user.clone()).await;
        if self.learnt.is_proved() {
            return Ok(());
        }
        if answer.is_err() || self.ended() {
            return Err(error::dropped(&self.target, &self.learnt));
        }
        Err(hostkey::unproved(&self.target, error::CONNECT, self.learnt.host_key()))
    }

    async fn authenticate(&mut self, key: &SshKey) -> Result<()> {
        let dropped = |this: &Self| error::dropped(&this.target, &this.learnt);
        let hash = if key.private().algorithm().is_rsa() {
            // Plain ssh-rsa means SHA-1, which servers no longer accept (RFC 8332). A server that
            // does not say what it takes most likely takes SHA-256.
            let best = self.handle.best_supported_rsa_hash().await.map_err(|_| dropped(self))?;
            best.flatten().or(Some(HashAlg::Sha256))
        } else {
            None
        };
        let key_with_hash = PrivateKeyWithHashAlg::new(Arc::clone(key.private()), hash);
        let user = self.target.user.clone();
        match self.handle.authenticate_publickey(user, key_with_hash).await {
            Ok(AuthResult::Success) => Ok(()),
            // An ended connection is also reported as a refusal.
            Ok(AuthResult::Failure { .. }) if self.ended() => Err(dropped(self)),
            Ok(AuthResult::Failure { remaining_methods, partial_success }) => {
                let mut offers = format!("{remaining_methods:?}");
                if partial_success {
                    offers.push_str(" in addition to the key");
                }
                Err(error::refused_key(&self.target, key, &offers))
            }
            Err(_) => Err(dropped(self)),
        }
    }

    fn ended(&self) -> bool {
        self.handle.is_closed() || self.learnt.goodbye().is_some()
    }

    /// Opens a session channel (RFC 4254 section 6.1).
    pub(crate) async fn session(&self) -> Result<Channel<client::Msg>> {
        self.handle.channel_open_session().await.map_err(|cause| match cause {
            russh::Error::ChannelOpenFailure(_) => error::no_session(&self.target, cause),
            _ => error::dropped(&self.target, &self.learnt),
        })
    }

    /// What the connection's task has learnt so far.
    pub(crate) fn learnt(&self) -> &Arc<Learnt> {
        &self.learnt
    }

    /// The key the server showed; every open connection has seen one.
    pub(crate) fn host_key(&self) -> Option<&PublicKey> {
        self.learnt.host_key()
    }

    /// Says goodbye (RFC 4253 section 11.1), so that the server's log shows no broken connection.
    pub(crate) async fn close(mut self) {
        let goodbye = async {
            // The results do not matter any more: dropping ends the connection as well.
            self.handle.disconnect(Disconnect::ByApplication, "", "").await.ok();
            (&mut self.handle).await.ok();
        };
        timeout(Duration::from_millis(100), goodbye).await.ok();
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("learnt", &self.learnt).finish_non_exhaustive()
    }
}

async fn tcp(
    client: &Client,
    target: &Target,
    host: &str,
    port: u16,
    hang_up: &CancellationToken,
) -> Result<Socket> {
    let addresses: Vec<_> =
        lookup_host((host, port)).await.map_err(|cause| error::lookup(target, cause))?.collect();
    Socket::connect(&addresses, client.config.silence_limit(), hang_up)
        .await
        .map_err(|cause| error::tcp(target, cause))
}

fn protocol_settings(config: &SshConfig, target: &Target) -> client::Config {
    client::Config {
        window_size: WINDOW,
        channel_buffer_size: QUEUED_PACKETS,
        // Quiet scripts are fine; silent servers are found by keepalives.
        inactivity_timeout: None,
        keepalive_interval: Some(config.keepalive_interval),
        keepalive_max: config.keepalive_max_missed,
        preferred: Preferred {
            key: target.host_key_algorithms().into(),
            cipher: CIPHERS.into(),
            ..Preferred::DEFAULT
        },
        ..client::Config::default()
    }
}
