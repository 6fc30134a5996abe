//! What one connection may do.

use std::collections::HashMap;
use std::sync::Arc;

use russh::keys::{Algorithm, PublicKey};
use russh::server::{
    Auth, ChannelOpenHandle, Handler, Msg, PublicKeyOffer, Session, VerifiedPublicKey,
};
use russh::{Channel, ChannelId, ChannelWriteHalf, Pty, Sig};
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::command::{self, Wiring};
use crate::gate::Load;
use crate::groups::Group;
use crate::input::{Input, input};
use crate::server::Server;
use crate::signals;

/// More variables than this in one channel are refused.
const MOST_VARIABLES: usize = 1000;

/// One connection. Dropping it, as the end of the session does, ends its commands.
pub(crate) struct Connection {
    server: Arc<Server>,
    load: Arc<Load>,
    channels: HashMap<ChannelId, Slot>,
    login: Option<Login>,
}

/// Held until the client has proved who it is.
pub(crate) struct Login {
    pub(crate) done: CancellationToken,
    pub(crate) _permit: OwnedSemaphorePermit,
}

enum Slot {
    /// Nothing was asked for yet.
    Open { channel: ChannelWriteHalf<Msg>, env: Vec<(String, String)> },
    /// A command runs, or has run.
    Busy { group: Group, input: Option<Input>, _gone: DropGuard },
}

impl Connection {
    pub(crate) fn new(server: Arc<Server>, load: Arc<Load>, login: Login) -> Self {
        Self { server, load, channels: HashMap::new(), login: Some(login) }
    }

    fn check(&self, key: &PublicKey, algorithm: &Algorithm) -> Auth {
        // SHA-1 signatures of RSA keys are forgeable; RFC 8332 has replaced them.
        let sha1 = matches!(algorithm, Algorithm::Rsa { hash: None });
        if !sha1 && key.key_data() == self.server.authorized_key.key_data() {
            Auth::Accept
        } else {
            Auth::reject()
        }
    }

    /// Starts `command` on the channel, whose own end goes to a task of its own.
    fn start(&mut self, id: ChannelId, command: &[u8], session: &Session) -> Option<()> {
        let slot = self.channels.remove(&id)?;
        let Slot::Open { channel, env } = slot else {
            // RFC 4254 section 6.5: only one of these requests can succeed per channel.
            self.channels.insert(id, slot);
            return None;
        };
        let Server { shell, more_path, groups, .. } = &*self.server;
        let running = command::start(shell, more_path.as_deref(), command, &env, groups)
            .inspect_err(|error| tracing::warn!(%error, "a command could not be started"))
            .ok()?;
        let (input, feeder) = input(Arc::clone(&self.load));
        let gone = CancellationToken::new();
        let slot = Slot::Busy {
            group: running.group.clone(),
            input: Some(input),
            _gone: gone.clone().drop_guard(),
        };
        self.channels.insert(id, slot);
        self.server.commands.spawn(running.serve(Wiring {
            channel,
            session: session.handle(),
            feeder,
            load: Arc::clone(&self.load),
            groups: self.server.groups.clone(),
            gone,
        }));
        Some(())
    }
}

impl Handler for Connection {
    type Error = russh::Error;

    async fn authentication_banner(&mut self) -> Result<Option<String>, Self::Error> {
        Ok(self.server.banner.clone())
    }

    async fn auth_publickey_offered(
        &mut self,
        _user: &str,
        offer: PublicKeyOffer<'_>,
    ) -> Result<Auth, Self::Error> {
        Ok(self.check(offer.public_key, offer.algorithm))
    }

    async fn auth_publickey(
        &mut self,
        _user: &str,
        key: VerifiedPublicKey<'_>,
    ) -> Result<Auth, Self::Error> {
        Ok(self.check(key.public_key, key.algorithm))
    }

    async fn auth_succeeded(&mut self, _session: &mut Session) -> Result<(), Self::Error> {
        if let Some(login) = self.login.take() {
            login.done.cancel();
        }
        Ok(())
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        // The reading half is dropped: the callbacks below get the same messages in step with
        // the protocol, which replies have to be.
        let (_, channel) = channel.split();
        self.channels.insert(channel.id(), Slot::Open { channel, env: Vec::new() });
        reply.accept().await;
        Ok(())
    }

    async fn env_request(
        &mut self,
        id: ChannelId,
        name: &str,
        value: &str,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        let good = !name.is_empty() && !name.contains(['=', '\0']) && !value.contains('\0');
        match self.channels.get_mut(&id) {
            Some(Slot::Open { env, .. }) if good && env.len() < MOST_VARIABLES => {
                env.push((name.to_owned(), value.to_owned()));
                session.channel_success(id)
            }
            _ => session.channel_failure(id),
        }
    }

    async fn exec_request(
        &mut self,
        id: ChannelId,
        command: &[u8],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        match self.start(id, command, session) {
            Some(()) => session.channel_success(id),
            None => session.channel_failure(id),
        }
    }

    async fn data(
        &mut self,
        id: ChannelId,
        data: &[u8],
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        if let Some(Slot::Busy { input: Some(input), .. }) = self.channels.get(&id) {
            input.push(data);
        }
        Ok(())
    }

    fn adjust_window(&mut self, _channel: ChannelId, _current: u32) -> u32 {
        self.load.window(self.server.config.window_size)
    }

    async fn channel_eof(
        &mut self,
        id: ChannelId,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        if let Some(Slot::Busy { input, .. }) = self.channels.get_mut(&id) {
            *input = None;
        }
        Ok(())
    }

    async fn signal(
        &mut self,
        id: ChannelId,
        signal: Sig,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        if let Some(Slot::Busy { group, .. }) = self.channels.get(&id)
            && let Some(signal) = signals::from_wire(&signal)
        {
            group.signal(signal);
        }
        Ok(())
    }

    async fn channel_close(
        &mut self,
        id: ChannelId,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.channels.remove(&id);
        Ok(())
    }

    async fn pty_request(
        &mut self,
        id: ChannelId,
        _term: &str,
        _col_width: u32,
        _row_height: u32,
        _pix_width: u32,
        _pix_height: u32,
        _modes: &[(Pty, u32)],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_failure(id)
    }

    async fn x11_request(
        &mut self,
        id: ChannelId,
        _single_connection: bool,
        _protocol: &str,
        _cookie: &str,
        _screen: u32,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_failure(id)
    }

    async fn shell_request(
        &mut self,
        id: ChannelId,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_failure(id)
    }

    async fn subsystem_request(
        &mut self,
        id: ChannelId,
        _name: &str,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_failure(id)
    }

    async fn window_change_request(
        &mut self,
        id: ChannelId,
        _col_width: u32,
        _row_height: u32,
        _pix_width: u32,
        _pix_height: u32,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_failure(id)
    }
}
