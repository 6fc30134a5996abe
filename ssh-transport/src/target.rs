use std::fmt;

use fargate_core::{Endpoint, Error, ErrorKind, Result};
use russh::keys::{Algorithm, EcdsaCurve, HashAlg, PublicKey};

use crate::hostkey;

/// An SSH endpoint, its host key parsed.
#[derive(Clone)]
pub(crate) struct Target {
    at: Endpoint,
    pub(crate) user: String,
    pub(crate) host_key: Option<PublicKey>,
}

/// How to come to the server's port.
pub(crate) enum Address<'a> {
    Tcp { host: &'a str, port: u16 },
    Forwarded { task: &'a str, instance: &'a str, port: u16 },
}

impl Target {
    pub(crate) fn new(at: &Endpoint) -> Result<Self> {
        let (Endpoint::Ssh { user, host_key, .. } | Endpoint::Forwarded { user, host_key, .. }) =
            at
        else {
            return Err(no_ssh_server(at));
        };
        let host_key = host_key.as_deref().map(|line| parse_host_key(at, line)).transpose()?;
        Ok(Self { at: at.clone(), user: user.clone(), host_key })
    }

    pub(crate) fn address(&self) -> Result<Address<'_>> {
        match &self.at {
            Endpoint::Ssh { host, port, .. } => Ok(Address::Tcp { host, port: *port }),
            Endpoint::Forwarded { task, instance, port, .. } => {
                Ok(Address::Forwarded { task, instance, port: *port })
            }
            other => Err(no_ssh_server(other)),
        }
    }

    /// The endpoint again, with `host_key` known.
    pub(crate) fn endpoint(&self, host_key: &PublicKey) -> Result<Endpoint> {
        let line = hostkey::line(host_key).map_err(|error| {
            self.error(ErrorKind::Unexpected, "probe", "its host key cannot be encoded")
                .source(error)
        })?;
        Ok(self.at.clone().with_identity(line))
    }

    /// An error about this server.
    pub(crate) fn error(
        &self,
        kind: ErrorKind,
        op: &'static str,
        what: impl fmt::Display,
    ) -> Error {
        Error::new(kind, op, format!("{self}: {what}"))
    }

    /// The host key algorithms to offer, the known key's own first: a server with several host
    /// keys then presents the one that is pinned. SHA-1 signatures are left out.
    pub(crate) fn host_key_algorithms(&self) -> Vec<Algorithm> {
        let mut all = vec![
            Algorithm::Ed25519,
            Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 },
            Algorithm::Ecdsa { curve: EcdsaCurve::NistP384 },
            Algorithm::Ecdsa { curve: EcdsaCurve::NistP521 },
            Algorithm::Rsa { hash: Some(HashAlg::Sha512) },
            Algorithm::Rsa { hash: Some(HashAlg::Sha256) },
        ];
        if let Some(known) = &self.host_key {
            let known = known.algorithm();
            let same = |offered: &Algorithm| match (offered, &known) {
                (Algorithm::Rsa { .. }, Algorithm::Rsa { .. }) => true,
                (offered, known) => offered == known,
            };
            // Stable: the order within each half stays.
            all.sort_by_key(|offered| !same(offered));
        }
        all
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.at.fmt(f)
    }
}

fn no_ssh_server(at: &Endpoint) -> Error {
    Error::new(ErrorKind::Unsupported, "connect over SSH", format!("{at} is no SSH server"))
}

fn parse_host_key(at: &Endpoint, line: &str) -> Result<PublicKey> {
    PublicKey::from_openssh(line.trim()).map_err(|error| {
        Error::new(
            ErrorKind::InvalidConfig,
            "connect over SSH",
            format!("{at}: the known host key is malformed"),
        )
        .hint("give it in one line: type and base64, as in a .pub file or by ssh-keyscan")
        .source(error)
    })
}
