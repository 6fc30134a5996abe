//! How a task proves its host key to whoever launched it, before anything is sent to it.
//!
//! The launcher hands a fresh random secret over with the task ([`TaskSpec::host_secret`]); the
//! task makes a host key of its own and shows the keyed hash of its public half, made with the
//! secret. Whoever does not know the secret can show no other host key with a hash that fits. The
//! secret is of no further use: later stages know the key.
//!
//! Over SSH the proof is in the banner of the user authentication (RFC 4252 section 5.4), which the
//! server sends before a client has to show anything but its public key.
//!
//! [`TaskSpec::host_secret`]: crate::TaskSpec::host_secret

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::SecretText;

/// The variable that carries the secret into a task.
pub const VARIABLE: &str = "FARGATE_HOST_SECRET";
/// What a line with a proof begins with.
const LABEL: &str = "fargate-host-proof-1 ";

/// The line that proves `host_key`, a public key in OpenSSH's one-line form without a comment.
#[must_use]
pub fn prove(secret: &str, host_key: &str) -> String {
    let proof = mac(secret, host_key).map(|mac| mac.finalize().into_bytes());
    let digits: String = proof.iter().flatten().map(|byte| format!("{byte:02x}")).collect();
    format!("{LABEL}{digits}")
}

/// Whether some line of `text` proves `host_key`. Takes the same time wherever a proof differs.
#[must_use]
pub fn proves(text: &str, secret: &SecretText, host_key: &str) -> bool {
    text.lines().filter_map(|line| line.trim().strip_prefix(LABEL)).any(|digits| {
        let mac = mac(secret.expose(), host_key);
        mac.zip(bytes(digits)).is_some_and(|(mac, proof)| mac.verify_slice(&proof).is_ok())
    })
}

/// An HMAC takes a key of any length (RFC 2104). Were there ever none, nothing would be proved.
fn mac(secret: &str, host_key: &str) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).ok()?;
    mac.update(LABEL.as_bytes());
    mac.update(host_key.as_bytes());
    Some(mac)
}

fn bytes(digits: &str) -> Option<Vec<u8>> {
    let digits = digits.as_bytes();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    let one = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    digits.chunks(2).map(one).collect()
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;

    const KEY: &str = "ssh-ed25519 AAAA";

    fn secret(text: &str) -> SecretText {
        SecretText::new(Zeroizing::new(text.to_owned()))
    }

    #[test]
    fn only_the_secrets_holder_proves_a_key_and_only_that_key() {
        let proof = prove("s3cret", KEY);
        assert!(proves(&format!("Welcome\r\n{proof}\r\n"), &secret("s3cret"), KEY));
        assert!(!proves(&proof, &secret("another"), KEY));
        assert!(!proves(&proof, &secret("s3cret"), "ssh-ed25519 BBBB"));
        assert!(!proof.contains("s3cret"));
    }

    #[test]
    fn what_is_no_proof_proves_nothing() {
        let proof = prove("s3cret", KEY);
        let short = &proof[..proof.len() - 2];
        for text in ["", "Welcome", LABEL, "fargate-host-proof-1 zz", short, &proof[1..]] {
            assert!(!proves(text, &secret("s3cret"), KEY), "{text:?}");
        }
        assert!(!proves(&format!("{LABEL}é"), &secret("s3cret"), KEY));
    }
}
