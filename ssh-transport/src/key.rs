use std::fmt;
use std::sync::Arc;

use fargate_core::{Error, ErrorKind, Result};
use russh::keys::key::safe_rng;
use russh::keys::ssh_key::LineEnding;
use russh::keys::{Algorithm, HashAlg, PrivateKey, decode_secret_key};
use zeroize::Zeroizing;

/// The client's private key.
///
/// It is wiped from memory with its last clone. `Debug` shows the fingerprint only.
#[derive(Clone)]
pub struct SshKey(Arc<PrivateKey>);

impl SshKey {
    /// A new ed25519 key, from a generator seeded by the operating system.
    ///
    /// # Errors
    /// `Unexpected` when no key can be made.
    pub fn generate() -> Result<Self> {
        let key = PrivateKey::random(&mut safe_rng(), Algorithm::Ed25519).map_err(|error| {
            Error::new(ErrorKind::Unexpected, "generate SSH key", "no key could be made")
                .source(error)
        })?;
        Ok(Self(Arc::new(key)))
    }

    /// Reads a private key in OpenSSH, PKCS#1, PKCS#8 or SEC1 PEM: ed25519, ECDSA (NIST curves)
    /// or RSA.
    ///
    /// # Errors
    /// `InvalidConfig` when it is encrypted, of another type, or no private key at all.
    pub fn from_private_pem(pem: &str) -> Result<Self> {
        const OP: &str = "read SSH private key";
        // Keys that went through CI variables or YAML often come indented or with CRLF.
        let mut text = Zeroizing::new(String::with_capacity(pem.len() + 1));
        for line in pem.trim().lines() {
            text.push_str(line.trim());
            text.push('\n');
        }
        let armoured = text.starts_with("-----BEGIN ");
        let encrypted = text.contains("ENCRYPTED");
        let encrypted_error = || {
            Error::new(ErrorKind::InvalidConfig, OP, "it is protected by a passphrase").hint(
                "nobody can type a passphrase here; remove it: ssh-keygen -p -N '' -f KEY_FILE",
            )
        };
        if !armoured {
            return Err(Error::new(ErrorKind::InvalidConfig, OP, "this is no PEM private key")
                .hint(
                    "give the private key file as ssh-keygen writes it, starting with \
                     \"-----BEGIN\"; a .pub file or a PuTTY key will not do",
                ));
        }
        if encrypted {
            return Err(encrypted_error());
        }
        // The causes never hold key material: they name formats and fields.
        let key = decode_secret_key(&text, None).map_err(|error| match error {
            russh::keys::Error::KeyIsEncrypted => encrypted_error(),
            error => Error::new(ErrorKind::InvalidConfig, OP, "it is malformed or of another type")
                .hint(
                    "use an ed25519, ECDSA or RSA key as ssh-keygen writes it, whole and \
                     unchanged: ssh-keygen -t ed25519 -N '' -f KEY_FILE",
                )
                .source(error),
        })?;
        if key.is_encrypted() {
            return Err(encrypted_error());
        }
        match key.algorithm() {
            Algorithm::Ed25519 | Algorithm::Ecdsa { .. } | Algorithm::Rsa { .. } => {
                Ok(Self(Arc::new(key)))
            }
            other => Err(Error::new(
                ErrorKind::InvalidConfig,
                OP,
                format!("keys of type {other} are not supported"),
            )
            .hint("use an ed25519, ECDSA or RSA key")),
        }
    }

    /// The private key in OpenSSH's format, in memory that is wiped when dropped.
    ///
    /// # Errors
    /// `Unexpected` when it cannot be encoded.
    pub fn private_pem(&self) -> Result<Zeroizing<String>> {
        self.0.to_openssh(LineEnding::LF).map_err(|error| {
            Error::new(ErrorKind::Unexpected, "write SSH private key", "it cannot be encoded")
                .source(error)
        })
    }

    /// The public key as one line of an `authorized_keys` file (sshd(8)), without a line end.
    ///
    /// An empty comment is left out, and line ends in it become spaces.
    ///
    /// # Errors
    /// `Unexpected` when it cannot be encoded.
    pub fn public_line(&self, comment: &str) -> Result<String> {
        let mut public = self.0.public_key().clone();
        public.set_comment(comment.replace(['\r', '\n'], " ").trim());
        public.to_openssh().map(|line| line.trim_end().to_owned()).map_err(|error| {
            Error::new(ErrorKind::Unexpected, "write SSH public key", "it cannot be encoded")
                .source(error)
        })
    }

    /// The public key's fingerprint, as `ssh-keygen -l` shows it (`SHA256:…`).
    #[must_use]
    pub fn fingerprint(&self) -> String {
        self.0.fingerprint(HashAlg::Sha256).to_string()
    }

    pub(crate) fn private(&self) -> &Arc<PrivateKey> {
        &self.0
    }
}

impl fmt::Debug for SshKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SshKey").field(&self.fingerprint()).finish()
    }
}
