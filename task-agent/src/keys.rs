//! The client key that may log in and the key that proves this host.

use std::path::Path;

use fargate_core::{Error, ErrorKind, Result};
use russh::keys::{Algorithm, PrivateKey, PublicKey, load_secret_key};

/// Reads the one client key.
pub(crate) fn authorized_key(line: &str) -> Result<PublicKey> {
    let op = "read the authorized key";
    let bad = |why: &str| {
        Error::new(ErrorKind::InvalidConfig, op, why.to_owned()).hint(
            "set SSH_PUBLIC_KEY or --authorized-key to one line of the form \
             \"ssh-ed25519 AAAA...\", without options",
        )
    };
    let line = line.trim();
    if line.is_empty() {
        return Err(bad("no client key was given"));
    }
    if line.lines().count() > 1 {
        return Err(bad("more than one line was given; the agent lets in exactly one key"));
    }
    PublicKey::from_openssh(line)
        .map_err(|error| bad("it is not a public key in OpenSSH's form").source(error))
}

/// Reads the host key from `file`, or makes one that lives as long as the agent.
pub(crate) fn host_key(file: Option<&Path>) -> Result<PrivateKey> {
    let Some(file) = file else {
        return PrivateKey::random(&mut rand::rng(), Algorithm::Ed25519).map_err(|error| {
            Error::new(ErrorKind::Unexpected, "make a host key", "no ed25519 key could be made")
                .source(error)
        });
    };
    load_secret_key(file, None).map_err(|error| {
        Error::new(
            ErrorKind::InvalidConfig,
            "read the host key",
            format!("{} is not a usable private key", file.display()),
        )
        .hint("give an OpenSSH private key without a passphrase, as ssh-keygen -N '' makes it")
        .source(error)
    })
}

/// The public half in OpenSSH's one-line form, without a comment.
pub(crate) fn public_line(key: &PrivateKey) -> Result<String> {
    let public = PublicKey::from(key.public_key().key_data().clone());
    public.to_openssh().map(|line| line.trim_end().to_owned()).map_err(|error| {
        Error::new(ErrorKind::Unexpected, "show the host key", "it cannot be written down")
            .source(error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_plain_key_line_is_taken() {
        let key = PrivateKey::random(&mut rand::rng(), Algorithm::Ed25519).unwrap();
        let line = public_line(&key).unwrap();
        assert_eq!(authorized_key(&line).unwrap().key_data(), key.public_key().key_data());
        assert!(authorized_key(&format!("{line} somebody@example\n")).is_ok());
        for bad in [
            String::new(),
            "ssh-ed25519".into(),
            "ssh-ed25519 AAAA".into(),
            format!("command=\"id\" {line}"),
            format!("{line}\n{line}"),
            line.replace("ssh-ed25519", "ssh-rsa"),
        ] {
            let error = authorized_key(&bad).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidConfig, "{bad:?}");
        }
    }

    #[test]
    fn a_host_key_file_that_is_no_key_is_named() {
        let error = host_key(Some(Path::new("/dev/null"))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
        assert!(error.message().contains("/dev/null"));
    }
}
