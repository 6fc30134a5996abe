use std::sync::{Arc, OnceLock};

use fargate_core::{Error, ErrorKind};
use russh::client::{DisconnectReason, Handler};
use russh::keys::{HashAlg, PublicKey, PublicKeyOrCertificate};

use crate::target::Target;

/// What the connection's own task learnt, for whoever waits for it.
#[derive(Debug, Default)]
pub(crate) struct Learnt {
    host_key: OnceLock<PublicKey>,
    goodbye: OnceLock<String>,
}

impl Learnt {
    /// The key the server proved to hold (RFC 4253 section 8), trusted or not.
    pub(crate) fn host_key(&self) -> Option<&PublicKey> {
        self.host_key.get()
    }

    /// Why the connection ended, once it has.
    pub(crate) fn goodbye(&self) -> Option<&str> {
        self.goodbye.get().map(String::as_str)
    }
}

/// Checks the host key and takes down what happens.
pub(crate) struct HostKeyCheck {
    /// `None` accepts any key; only a probe of a still unknown server does that.
    expected: Option<PublicKey>,
    learnt: Arc<Learnt>,
}

impl HostKeyCheck {
    pub(crate) fn new(expected: Option<PublicKey>, learnt: Arc<Learnt>) -> Self {
        Self { expected, learnt }
    }
}

impl Handler for HostKeyCheck {
    type Error = russh::Error;

    async fn check_server_key(
        &mut self,
        presented: &PublicKeyOrCertificate,
    ) -> Result<bool, Self::Error> {
        let presented = presented.public_key();
        let trusted = self
            .expected
            .as_ref()
            .is_none_or(|expected| expected.key_data() == presented.key_data());
        // Asked once per connection; were it ever asked again, the first answer stays.
        self.learnt.host_key.set(presented).ok();
        Ok(trusted)
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

/// No key is known yet, so nothing can be checked.
pub(crate) fn unknown(target: &Target, op: &'static str) -> Error {
    target
        .error(ErrorKind::Untrusted, op, "its host key is not known")
        .hint("probe the server first and use the endpoint the probe returns")
}
