//! A server that sends many small packets, whatever it is asked to run.
//!
//! Real servers gather what a command writes; here every packet holds the same few bytes.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::thread;

use bytes::Bytes;
use russh::keys::key::safe_rng;
use russh::keys::{Algorithm, PrivateKey};
use russh::server::{
    Auth, ChannelOpenHandle, Config, Handler, Msg, PublicKeyOffer, Session, VerifiedPublicKey,
    run_stream,
};
use russh::{Channel, ChannelId, ChannelWriteHalf, Preferred, cipher};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

const CIPHERS: &[cipher::Name] = &[cipher::AES_128_GCM];

/// Sends `packets` packets of `size` bytes to every command. Gone on drop.
#[derive(Debug)]
pub struct Source {
    port: u16,
    host_key: String,
    _end: DropGuard,
}

impl Source {
    /// Starts the server. It lets every key in and runs nothing.
    ///
    /// # Errors
    /// When it cannot listen or make a host key.
    pub fn start(packets: u64, size: usize) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        let key = PrivateKey::random(&mut safe_rng(), Algorithm::Ed25519);
        let key = key.map_err(io::Error::other)?;
        let host_key = key.public_key().to_openssh().map_err(io::Error::other)?;
        let config = Arc::new(Config {
            keys: vec![key],
            nodelay: true,
            // The cipher all clients here agree on is not among russh's defaults.
            preferred: Preferred { cipher: CIPHERS.into(), ..Preferred::DEFAULT },
            ..Config::default()
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let end = CancellationToken::new();
        let ended = end.clone();
        thread::Builder::new().name("source".into()).spawn(move || {
            runtime.block_on(async {
                let listener = TcpListener::from_std(listener)?;
                let serve = async {
                    loop {
                        let (stream, _) = listener.accept().await?;
                        let packet = Bytes::from(vec![b'.'; size]);
                        let session = Serving { packets, packet, channels: HashMap::new() };
                        let config = Arc::clone(&config);
                        tokio::spawn(
                            async move { run_stream(config, stream, session).await?.await },
                        );
                    }
                };
                tokio::select! {
                    () = ended.cancelled() => Ok(()),
                    failed = serve => failed,
                }
            }) as io::Result<()>
        })?;
        Ok(Self { port, host_key, _end: end.drop_guard() })
    }

    /// On 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// In OpenSSH's one-line form.
    #[must_use]
    pub fn host_key(&self) -> &str {
        &self.host_key
    }
}

struct Serving {
    packets: u64,
    packet: Bytes,
    channels: HashMap<ChannelId, ChannelWriteHalf<Msg>>,
}

impl Handler for Serving {
    type Error = russh::Error;

    async fn auth_publickey_offered(
        &mut self,
        _user: &str,
        _offer: PublicKeyOffer<'_>,
    ) -> Result<Auth, Self::Error> {
        Ok(Auth::Accept)
    }

    async fn auth_publickey(
        &mut self,
        _user: &str,
        _key: VerifiedPublicKey<'_>,
    ) -> Result<Auth, Self::Error> {
        Ok(Auth::Accept)
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        let (_, channel) = channel.split();
        self.channels.insert(channel.id(), channel);
        reply.accept().await;
        Ok(())
    }

    async fn exec_request(
        &mut self,
        id: ChannelId,
        command: &[u8],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        let Some(channel) = self.channels.remove(&id) else { return session.channel_failure(id) };
        session.channel_success(id)?;
        let greeting = script_greeting(command);
        tokio::spawn(send(channel, greeting, self.packets, self.packet.clone()));
        Ok(())
    }
}

async fn send(
    channel: ChannelWriteHalf<Msg>,
    greeting: Option<String>,
    packets: u64,
    packet: Bytes,
) -> Result<(), russh::Error> {
    if let Some(greeting) = greeting {
        channel.data_bytes(greeting).await?;
    }
    for _ in 0..packets {
        channel.data_bytes(packet.clone()).await?;
    }
    channel.exit_status(0).await?;
    channel.eof().await?;
    channel.close().await
}

/// What our transport waits for before a script's own output: its command ends in
/// `sh NONCE SIZE INTERPRETER`. Other clients' commands do not.
fn script_greeting(command: &[u8]) -> Option<String> {
    let command = String::from_utf8_lossy(command);
    let words: Vec<&str> = command.split_whitespace().rev().take(4).collect();
    let [_, size, nonce, "sh"] = words[..] else { return None };
    let is_ours = nonce.len() == 32 && size.parse::<usize>().is_ok();
    is_ours.then(|| format!("{nonce} pid 1\n{nonce} run\n"))
}
