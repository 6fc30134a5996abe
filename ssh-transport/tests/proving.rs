//! Tasks that prove their host key, and those who pretend to be one.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;
#[path = "common/impostor.rs"]
mod impostor;

use std::sync::{Arc, Mutex};

use fargate_core::{
    Endpoint, Error, ErrorKind, ExecRequest, ExitStatus, RemoteExec, SecretText, host_proof,
};
use fargate_ssh_transport::{SshConfig, SshExec, SshKey, new_host_secret};
use fargate_test_support::agent::Agent;
use fargate_test_support::sshd::{Sshd, SshdOptions};
use russh::client;
use russh::keys::PublicKeyOrCertificate;
use tokio::time::timeout;

use common::{PATIENCE, known, run, unknown};
use impostor::Impostor;

/// A server on a port of this machine, its host key not known.
pub(crate) fn at(port: u16) -> Endpoint {
    let (host, user) = ("127.0.0.1".to_owned(), "root".to_owned());
    Endpoint::Ssh { host, port, user, host_key: None }
}

/// An agent that was given `secret`, and a transport it lets in.
fn agent(secret: Option<&SecretText>) -> (Agent, SshExec) {
    let key = SshKey::generate().unwrap();
    let environment = secret.map(|secret| (host_proof::VARIABLE, secret.expose()));
    let agent = Agent::start_with(&key.public_line("").unwrap(), environment.as_slice());
    (agent, SshExec::new(SshConfig::default(), key))
}

async fn refused(exec: &SshExec, at: &Endpoint) -> Error {
    let probe = timeout(PATIENCE, exec.probe(at)).await.expect("no hang");
    let error = probe.expect_err("nothing is proved");
    assert_eq!(error.kind(), ErrorKind::Untrusted, "{error:?}");
    assert!(error.message().contains("does not prove"), "{error:?}");
    assert!(error.advice().unwrap().contains("agent's image"), "{error:?}");
    error
}

/// What the agent shows before anybody has logged in.
async fn banner(agent: &Agent) -> String {
    struct Reader(Arc<Mutex<String>>);
    impl client::Handler for Reader {
        type Error = russh::Error;
        async fn check_server_key(
            &mut self,
            _: &PublicKeyOrCertificate,
        ) -> Result<bool, Self::Error> {
            Ok(true)
        }
        async fn auth_banner(
            &mut self,
            banner: &str,
            _: &mut client::Session,
        ) -> Result<(), Self::Error> {
            self.0.lock().unwrap().push_str(banner);
            Ok(())
        }
    }
    let read = Arc::new(Mutex::new(String::new()));
    let config = Arc::new(client::Config::default());
    let at = ("127.0.0.1", agent.port());
    let mut client = client::connect(config, at, Reader(Arc::clone(&read))).await.unwrap();
    assert!(!client.authenticate_none("root").await.unwrap().success());
    read.lock().unwrap().clone()
}

#[tokio::test]
async fn the_task_that_has_the_secret_is_taken_and_its_key_is_pinned() {
    let secret = new_host_secret();
    let (agent, exec) = agent(Some(&secret));
    let exec = exec.proving(secret);
    let found = exec.probe(&at(agent.port())).await.unwrap();
    assert_eq!(found, at(agent.port()).with_identity(agent.host_key_line()));
    let (status, out) = run(&exec, &found, ExecRequest::script("echo ran; exit 3")).await;
    assert_eq!(status, ExitStatus::Code(3));
    assert_eq!(out.stdout, b"ran\n");
}

#[tokio::test]
async fn the_banner_holds_one_proof_and_not_the_secret() {
    let secret = new_host_secret();
    let (agent, _) = agent(Some(&secret));
    let banner = banner(&agent).await;
    assert_eq!(
        banner,
        format!("{}\r\n", host_proof::prove(secret.expose(), agent.host_key_line()))
    );
    assert!(!banner.contains(secret.expose()));
}

#[tokio::test]
async fn an_agent_with_another_secret_or_none_is_not_taken() {
    for given in [Some(new_host_secret()), None] {
        let (agent, exec) = agent(given.as_ref());
        let error = refused(&exec.clone().proving(new_host_secret()), &at(agent.port())).await;
        assert!(error.context_value("presented host key").unwrap().starts_with("SHA256:"));
        // It is the secret it was refused for.
        exec.probe(&at(agent.port())).await.unwrap();
    }
}

#[tokio::test]
async fn an_sshd_is_not_taken_whatever_its_banner_says() {
    let secret = new_host_secret();
    let key = SshKey::generate().unwrap();
    let banner = tempfile::NamedTempFile::new().unwrap();
    // A proof of somebody else's key, as whoever has seen one could show it.
    let proof = host_proof::prove(secret.expose(), "ssh-ed25519 AAAA");
    std::fs::write(banner.path(), proof).unwrap();
    for settings in [Vec::new(), vec![format!("Banner {}", banner.path().display())]] {
        let sshd = Sshd::start_with(SshdOptions {
            authorized_keys: vec![key.public_line("").unwrap()],
            settings,
            ..SshdOptions::default()
        });
        let exec = SshExec::new(SshConfig::default(), key.clone());
        refused(&exec.clone().proving(secret.clone()), &unknown(&sshd)).await;
        assert_eq!(exec.probe(&unknown(&sshd)).await.unwrap(), known(&sshd));
    }
}

#[tokio::test]
async fn a_man_in_the_middle_learns_a_user_name_and_nothing_else() {
    let secret = new_host_secret();
    let (agent, exec) = agent(Some(&secret));
    for lets_in in [false, true] {
        let impostor = Impostor::start(&banner(&agent).await, lets_in).await;
        refused(&exec.clone().proving(secret.clone()), &impostor.unknown()).await;
        assert_eq!(impostor.told(), ["user root"]);
        // Without the secret it would have been taken for the task.
        exec.probe(&impostor.unknown()).await.unwrap();
        let told = impostor.told();
        assert_eq!(told[1..], ["key", "signature", "channel", "command true"]);
    }
}

#[tokio::test]
async fn a_known_host_key_needs_no_proof_and_is_strictly_checked() {
    let (agent, exec) = agent(None);
    let exec = exec.proving(new_host_secret());
    let pinned = at(agent.port()).with_identity(agent.host_key_line());
    assert_eq!(exec.probe(&pinned).await.unwrap(), pinned);
    let (status, _) = run(&exec, &pinned, ExecRequest::script("exit 4")).await;
    assert_eq!(status, ExitStatus::Code(4));

    let secret = new_host_secret();
    let (proving, exec) = self::agent(Some(&secret));
    let wrong = at(proving.port()).with_identity(agent.host_key_line());
    let error = exec.proving(secret).probe(&wrong).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Untrusted, "{error:?}");
    assert!(error.context_value("known host key").is_some(), "{error:?}");
}

#[tokio::test]
async fn no_script_is_sent_to_a_server_whose_key_is_not_known() {
    let secret = new_host_secret();
    let impostor = Impostor::start("", true).await;
    let exec = SshExec::new(SshConfig::default(), SshKey::generate().unwrap()).proving(secret);
    let (result, _) =
        common::try_run(&exec, &impostor.unknown(), ExecRequest::script("echo ran")).await;
    assert_eq!(result.unwrap_err().kind(), ErrorKind::Untrusted);
    assert!(impostor.told().is_empty());
}

#[test]
fn the_secret_is_shown_by_nothing() {
    let secret = new_host_secret();
    let exec = SshExec::new(SshConfig::default(), SshKey::generate().unwrap());
    let shown = format!("{:?}", exec.proving(secret.clone()));
    assert!(!shown.contains(secret.expose()), "{shown}");
}
