//! Keys of every kind, made by `ssh-keygen`, against a real OpenSSH server.

mod common;

use std::fs;
use std::process::Command;

use fargate_core::{ErrorKind, RemoteExec};
use fargate_ssh_transport::{SshConfig, SshExec, SshKey};
use fargate_test_support::sshd::{Sshd, SshdOptions};

/// The private key's text and the public line.
fn keygen(arguments: &[&str]) -> (String, String) {
    let directory = tempfile::tempdir().expect("test set-up");
    let file = directory.path().join("key");
    let made = Command::new("ssh-keygen")
        .args(["-q", "-C", "", "-f"])
        .arg(&file)
        .args(arguments)
        .status()
        .expect("test set-up");
    assert!(made.success());
    let public = fs::read_to_string(file.with_extension("pub")).expect("test set-up");
    (fs::read_to_string(file).expect("test set-up"), public.trim().to_owned())
}

#[tokio::test]
async fn every_usual_key_file_authenticates() {
    let plain = ["-N", ""];
    let kinds: [&[&str]; 8] = [
        &["-t", "ed25519"],
        &["-t", "ecdsa", "-b", "256"],
        &["-t", "ecdsa", "-b", "384", "-m", "PKCS8"],
        &["-t", "ecdsa", "-b", "521"],
        &["-t", "rsa", "-b", "2048"],
        &["-t", "rsa", "-b", "2048", "-m", "PEM"],
        &["-t", "rsa", "-b", "3072", "-m", "PKCS8"],
        &["-t", "ecdsa", "-b", "256", "-m", "PEM"],
    ];
    let keys: Vec<_> = kinds.iter().map(|kind| keygen(&[*kind, &plain].concat())).collect();
    let sshd = Sshd::start_with(SshdOptions {
        authorized_keys: keys.iter().map(|(_, public)| public.clone()).collect(),
        ..SshdOptions::default()
    });
    for ((private, public), kind) in keys.iter().zip(kinds) {
        let key = SshKey::from_private_pem(private).unwrap_or_else(|e| panic!("{kind:?}: {e:?}"));
        assert_eq!(key.public_line("").unwrap(), *public, "{kind:?}");
        // It survives being written and read, and indented as CI variables are.
        let pem = key.private_pem().unwrap();
        let indented = pem.lines().map(|line| format!("  {line}\r\n")).collect::<String>();
        let again = SshKey::from_private_pem(&indented).unwrap();
        assert_eq!(again.fingerprint(), key.fingerprint());
        let exec = SshExec::new(SshConfig::default(), again);
        exec.probe(&common::unknown(&sshd)).await.unwrap_or_else(|e| panic!("{kind:?}: {e:?}"));
    }
}

#[test]
fn unusable_keys_say_what_to_do() {
    let (encrypted, public) = keygen(&["-t", "ed25519", "-N", "secret"]);
    let (encrypted_pkcs8, _) = keygen(&["-t", "rsa", "-b", "2048", "-m", "PKCS8", "-N", "secret"]);
    let (encrypted_pem, _) = keygen(&["-t", "rsa", "-b", "2048", "-m", "PEM", "-N", "secret"]);
    let (whole, _) = keygen(&["-t", "ed25519", "-N", ""]);
    let cut = whole.lines().take(3).collect::<Vec<_>>().join("\n");
    let cases = [
        (encrypted.as_str(), "passphrase"),
        (&encrypted_pkcs8, "passphrase"),
        (&encrypted_pem, "passphrase"),
        (&public, "no PEM private key"),
        ("", "no PEM private key"),
        ("/root/.ssh/id_ed25519", "no PEM private key"),
        (&cut, "malformed"),
        (
            "-----BEGIN OPENSSH PRIVATE KEY-----\n\u{fffd}\n-----END OPENSSH PRIVATE KEY-----",
            "malf",
        ),
        ("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----", "malformed"),
    ];
    for (text, expected) in cases {
        let error = SshKey::from_private_pem(text).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidConfig, "{error:?}");
        assert!(error.message().contains(expected), "{error:?}");
        assert!(error.advice().is_some());
        let body = text.lines().nth(1).unwrap_or("nothing");
        assert!(!format!("{error:?}").contains(body), "the error shows the key");
    }
}

#[test]
fn debug_output_shows_no_secret() {
    let key = SshKey::generate().unwrap();
    let shown = format!("{:?}", SshExec::new(SshConfig::default(), key.clone()));
    assert!(shown.contains(&key.fingerprint()), "{shown}");
    let pem = key.private_pem().unwrap();
    assert!(pem.lines().all(|line| !shown.contains(line)));
    assert_ne!(key.fingerprint(), SshKey::generate().unwrap().fingerprint());
}

#[test]
fn a_comment_cannot_add_a_second_line() {
    let key = SshKey::generate().unwrap();
    let line = key.public_line("job 7\nssh-ed25519 AAAA evil").unwrap();
    assert_eq!(line.lines().count(), 1);
    assert!(line.starts_with("ssh-ed25519 AAAA") && line.ends_with("evil"), "{line}");
}
