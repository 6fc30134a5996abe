use std::sync::{Arc, OnceLock};

use fargate_core::{Error, ErrorKind, SecretText, host_proof};
use russh::client::{DisconnectReason, Handler, Session};
use russh::keys::{HashAlg, PublicKey, PublicKeyOrCertificate};

use crate::target::Target;

/// What the connection's own task learnt, for whoever waits for it.
#[derive(Debug, Default)]
pub(crate) struct Learnt {
    host_key: OnceLock<PublicKey>,
    proved: OnceLock<()>,
    goodbye: OnceLock<String>,
}

impl Learnt {
    /// The key the server proved to hold (RFC 4253 section 8), trusted or not.
    pub(crate) fn host_key(&self) -> Option<&PublicKey> {
        self.host_key.get()
    }

    /// Whether a banner proved the key.
    pub(crate) fn is_proved(&self) -> bool {
        self.proved.get().is_some()
    }

    /// Why the connection ended, once it has.
    pub(crate) fn goodbye(&self) -> Option<&str> {
        self.goodbye.get().map(String::as_str)
    }
}

/// Checks the host key and takes down what happens.
pub(crate) struct HostKeyCheck {
    expected: Expected,
    learnt: Arc<Learnt>,
}

enum Expected {
    /// Only a probe of a still unknown server expects that.
    Any,
    Key(PublicKey),
    /// Any for now; whether it is proved is learnt from the banner.
    ProvedWith(SecretText),
}

impl HostKeyCheck {
    /// Accepts any key.
    pub(crate) fn none(learnt: &Arc<Learnt>) -> Self {
        Self { expected: Expected::Any, learnt: Arc::clone(learnt) }
    }

    /// Accepts this key.
    pub(crate) fn is(known: PublicKey, learnt: &Arc<Learnt>) -> Self {
        Self { expected: Expected::Key(known), learnt: Arc::clone(learnt) }
    }

    /// Accepts any key, and looks whether the banner proves it. Whoever uses this has to ask
    /// [`Learnt::is_proved`] before anything else is sent.
    pub(crate) fn is_proved_with(secret: SecretText, learnt: &Arc<Learnt>) -> Self {
        Self { expected: Expected::ProvedWith(secret), learnt: Arc::clone(learnt) }
    }
}

impl Handler for HostKeyCheck {
    type Error = russh::Error;

    async fn check_server_key(
        &mut self,
        presented: &PublicKeyOrCertificate,
    ) -> Result<bool, Self::Error> {
        let presented = presented.public_key();
        let trusted = match &self.expected {
            Expected::Key(known) => known.key_data() == presented.key_data(),
            Expected::Any | Expected::ProvedWith(_) => true,
        };
        // Asked once per connection; were it ever asked again, the first answer stays.
        self.learnt.host_key.set(presented).ok();
        Ok(trusted)
    }

    async fn auth_banner(
        &mut self,
        banner: &str,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        if let Expected::ProvedWith(secret) = &self.expected
            && let Some(key) = self.learnt.host_key().and_then(|key| line(key).ok())
            && host_proof::proves(banner, secret, &key)
        {
            // One proof is enough.
            self.learnt.proved.set(()).ok();
        }
        Ok(())
    }

    async fn disconnected(
        &mut self,
        reason: DisconnectReason<Self::Error>,
    ) -> Result<(), Self::Error> {
        let goodbye = match reason {
            DisconnectReason::ReceivedDisconnect(info) => {
                format!("the server said {:?} ({:?})", info.message, info.reason_code)
            }
            DisconnectReason::Error(russh::Error::KeepaliveTimeout) => {
                "the server stopped answering keepalives".to_owned()
            }
            DisconnectReason::Error(russh::Error::Disconnect | russh::Error::HUP) => {
                "the server closed the connection".to_owned()
            }
            DisconnectReason::Error(error) => error.to_string(),
        };
        // It is called once.
        self.learnt.goodbye.set(goodbye).ok();
        Ok(())
    }
}

/// The server proved to hold another key than the known one.
pub(crate) fn changed(
    target: &Target,
    op: &'static str,
    known: &PublicKey,
    seen: &PublicKey,
) -> Error {
    let known = known.fingerprint(HashAlg::Sha256).to_string();
    let seen = seen.fingerprint(HashAlg::Sha256).to_string();
    target
        .error(
            ErrorKind::Untrusted,
            op,
            format_args!("its host key is {seen}, but {known} is the known one"),
        )
        .with("known host key", known)
        .with("presented host key", seen)
        .hint(
            "another machine answers at this address, or sshd was restarted with new host keys; \
             if neither was meant, somebody may be intercepting the connection",
        )
}

/// A key in OpenSSH's one-line form, without a comment.
pub(crate) fn line(key: &PublicKey) -> russh::keys::ssh_key::Result<String> {
    let key = PublicKey::from(key.key_data().clone());
    key.to_openssh().map(|line| line.trim_end().to_owned())
}

/// The server showed a key, and no proof that it is the launched task's.
pub(crate) fn unproved(target: &Target, op: &'static str, seen: Option<&PublicKey>) -> Error {
    let error = target.error(
        ErrorKind::Untrusted,
        op,
        "what answers there does not prove to be the task that was started",
    );
    match seen {
        Some(seen) => error.with("presented host key", seen.fingerprint(HashAlg::Sha256).to_string()),
        None => error,
    }
    .hint(
        "the agent's image may be older than this program: bring it up to date; if it is, something \
         other than the agent listens on this port, or somebody may be intercepting the connection",
    )
}

/// No key is known yet, so nothing can be checked.
pub(crate) fn unknown(target: &Target, op: &'static str) -> Error {
    target
        .error(ErrorKind::Untrusted, op, "its host key is not known")
        .hint("probe the server first and use the endpoint the probe returns")
}
