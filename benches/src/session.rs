//! russh used directly: as it comes, and step by step.

use std::io;
use std::sync::Arc;

use fargate_core::{OutputSink, Stream};
use russh::ChannelMsg;
use russh::client::{self, Handle, Handler};
use russh::keys::{PrivateKeyWithHashAlg, PublicKey, PublicKeyOrCertificate, load_secret_key};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::args::Login;
use crate::quick_ack::QuickAck;

/// Checks the host key.
#[derive(Debug)]
pub struct Known(PublicKey);

impl Handler for Known {
    type Error = russh::Error;

    async fn check_server_key(
        &mut self,
        presented: &PublicKeyOrCertificate,
    ) -> Result<bool, Self::Error> {
        Ok(presented.public_key().key_data() == self.0.key_data())
    }
}

/// A connection of russh, with its default settings but for the socket's.
pub struct Session(Handle<Known>);

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").finish_non_exhaustive()
    }
}

impl Session {
    /// TCP, key exchange and authentication, with nothing set.
    ///
    /// # Errors
    /// When any of them fails.
    pub async fn open(login: &Login) -> io::Result<Self> {
        let known = Known(PublicKey::from_openssh(&login.host_key).map_err(io::Error::other)?);
        let at = ("127.0.0.1", login.port);
        let connected = client::connect(Arc::default(), at, known).await;
        let mut this = Self(connected.map_err(io::Error::other)?);
        this.authenticate(login).await?;
        Ok(this)
    }

    /// A connection with the socket options of our transport.
    ///
    /// # Errors
    /// When TCP, key exchange or authentication fails.
    pub async fn open_quickly(login: &Login) -> io::Result<Self> {
        let tcp = QuickAck::connect(login.port).await?;
        let mut this = Self::exchange_keys(login, tcp).await?;
        this.authenticate(login).await?;
        Ok(this)
    }

    /// Key exchange over a connection that is there.
    ///
    /// # Errors
    /// When it fails.
    pub async fn exchange_keys<S>(login: &Login, stream: S) -> io::Result<Self>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let known = Known(PublicKey::from_openssh(&login.host_key).map_err(io::Error::other)?);
        let connected = client::connect_stream(Arc::default(), stream, known).await;
        Ok(Self(connected.map_err(io::Error::other)?))
    }

    /// Authentication with the key.
    ///
    /// # Errors
    /// When the server does not accept it.
    pub async fn authenticate(&mut self, login: &Login) -> io::Result<()> {
        let key = load_secret_key(&login.key_file, None).map_err(io::Error::other)?;
        let key = PrivateKeyWithHashAlg::new(Arc::new(key), None);
        let result = self.0.authenticate_publickey("root", key).await.map_err(io::Error::other)?;
        if result.success() { Ok(()) } else { Err(io::Error::other("the key is refused")) }
    }

    /// Opens a channel.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn channel(&self) -> io::Result<russh::Channel<client::Msg>> {
        self.0.channel_open_session().await.map_err(io::Error::other)
    }

    /// Runs one command in a channel of its own.
    ///
    /// # Errors
    /// When the connection ends or no exit status comes.
    pub async fn run(&self, command: &str, out: &mut dyn OutputSink) -> io::Result<u32> {
        run_in(self.channel().await?, command, out).await
    }

    /// Says goodbye and waits for the end.
    ///
    /// # Errors
    /// When the connection is already gone.
    pub async fn close(self) -> io::Result<()> {
        let bye = self.0.disconnect(russh::Disconnect::ByApplication, "", "").await;
        bye.map_err(io::Error::other)?;
        match self.0.await {
            // The server may hang up first, which it is asked to.
            Ok(()) | Err(russh::Error::Disconnect | russh::Error::HUP) => Ok(()),
            Err(error) => Err(io::Error::other(error)),
        }
    }
}

/// Runs one command in an open channel.
///
/// # Errors
/// When the connection ends or no exit status comes.
pub async fn run_in(
    mut channel: russh::Channel<client::Msg>,
    command: &str,
    out: &mut dyn OutputSink,
) -> io::Result<u32> {
    channel.exec(true, command).await.map_err(io::Error::other)?;
    let mut code = None;
    loop {
        // Whatever is at hand comes first, as in our transport.
        let at_hand = tokio::select! {
            biased;
            message = channel.wait() => Some(message),
            () = std::future::ready(()) => None,
        };
        let message = match at_hand {
            Some(message) => message,
            None => {
                out.flush().await.map_err(io::Error::other)?;
                channel.wait().await
            }
        };
        let Some(message) = message else { break };
        match message {
            ChannelMsg::Data { data } => {
                out.write(Stream::Stdout, &data).await.map_err(io::Error::other)?;
            }
            ChannelMsg::ExtendedData { data, .. } => {
                out.write(Stream::Stderr, &data).await.map_err(io::Error::other)?;
            }
            ChannelMsg::ExitStatus { exit_status } => code = Some(exit_status),
            _ => {}
        }
    }
    code.ok_or_else(|| io::Error::other("no exit status came"))
}
