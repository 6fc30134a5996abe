//! An SSH server that lets everybody in and writes down what it is told.

use std::sync::{Arc, Mutex, PoisonError};

use fargate_core::Endpoint;
use russh::keys::{Algorithm, PrivateKey};
use russh::server::{
    Auth, ChannelOpenHandle, Config, Handler, Msg, PublicKeyOffer, Session, VerifiedPublicKey,
    run_stream,
};
use russh::{Channel, ChannelId, MethodSet};
use tokio::net::TcpListener;

/// It answers for as long as the test's runtime lives.
pub(crate) struct Impostor {
    port: u16,
    told: Told,
}

/// What clients told it, in order.
type Told = Arc<Mutex<Vec<String>>>;

impl Impostor {
    /// Starts one with a host key of its own that shows `banner`. With `lets_in` it lets clients in
    /// even before they offer a key.
    pub(crate) async fn start(banner: &str, lets_in: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let key = PrivateKey::random(&mut rand::rng(), Algorithm::Ed25519).expect("a key");
        let methods = MethodSet::server_supported();
        let config = Arc::new(Config { keys: vec![key], methods, ..Config::default() });
        let told = Told::default();
        let visit = Visit { banner: banner.to_owned(), lets_in, told: Arc::clone(&told) };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (config, visit) = (Arc::clone(&config), visit.clone());
                tokio::spawn(async move {
                    if let Ok(session) = run_stream(config, stream, visit).await {
                        // However it ends: what counts is what was told before.
                        session.await.ok();
                    }
                });
            }
        });
        Self { port, told }
    }

    /// What it was told so far.
    pub(crate) fn told(&self) -> Vec<String> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Itself, its host key not known.
    pub(crate) fn unknown(&self) -> Endpoint {
        super::at(self.port)
    }
}

#[derive(Clone)]
struct Visit {
    banner: String,
    lets_in: bool,
    told: Told,
}

impl Visit {
    fn note(&self, what: impl Into<String>) {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).push(what.into());
    }
}

impl Handler for Visit {
    type Error = russh::Error;

    async fn authentication_banner(&mut self) -> Result<Option<String>, Self::Error> {
        Ok((!self.banner.is_empty()).then(|| self.banner.clone()))
    }

    async fn auth_none(&mut self, user: &str) -> Result<Auth, Self::Error> {
        self.note(format!("user {user}"));
        Ok(if self.lets_in { Auth::Accept } else { Auth::reject() })
    }

    async fn auth_publickey_offered(
        &mut self,
        _user: &str,
        _offer: PublicKeyOffer<'_>,
    ) -> Result<Auth, Self::Error> {
        self.note("key");
        Ok(Auth::Accept)
    }

    async fn auth_publickey(
        &mut self,
        _user: &str,
        _key: VerifiedPublicKey<'_>,
    ) -> Result<Auth, Self::Error> {
        self.note("signature");
        Ok(Auth::Accept)
    }

    async fn channel_open_session(
        &mut self,
        _channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.note("channel");
        reply.accept().await;
        Ok(())
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        command: &[u8],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.note(format!("command {}", String::from_utf8_lossy(command)));
        session.channel_success(channel)?;
        session.exit_status_request(channel, 0)?;
        session.close(channel)
    }
}
