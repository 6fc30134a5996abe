//! How connections come about, and what is said when they do not.

mod common;

use std::net::TcpListener;
use std::time::Duration;

use fargate_core::{Endpoint, ErrorKind, ExecRequest, ExitStatus, RemoteExec};
use fargate_ssh_transport::{SshConfig, SshExec, SshKey};
use fargate_test_support::sshd::{Sshd, SshdOptions};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use common::{PATIENCE, known, run, server, try_run, unknown};

fn quick() -> SshConfig {
    let mut config = SshConfig::default();
    config.connect_timeout = Duration::from_millis(500);
    config.connect_retry = Duration::ZERO;
    config
}

fn at(port: u16) -> Endpoint {
    Endpoint::Ssh {
        host: "127.0.0.1".to_owned(),
        port,
        user: "root".to_owned(),
        host_key: Some(
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea"
                .to_owned(),
        ),
    }
}

#[tokio::test]
async fn a_changed_host_key_is_refused_with_both_fingerprints() {
    let (mut sshd, exec) = server();
    let at = exec.probe(&unknown(&sshd)).await.unwrap();
    assert_eq!(at, known(&sshd));
    sshd.restart_with_new_host_key();
    let (result, out) = try_run(&exec, &at, ExecRequest::script("echo ran")).await;
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Untrusted, "{error:?}");
    assert!(out.stdout.is_empty());
    let (old, new) = (
        error.context_value("known host key").unwrap(),
        error.context_value("presented host key").unwrap(),
    );
    assert!(old.starts_with("SHA256:") && new.starts_with("SHA256:") && old != new, "{error:?}");
    assert!(error.advice().is_some());
}

#[tokio::test]
async fn the_pinned_key_is_asked_for_when_the_server_has_several() {
    let key = SshKey::generate().unwrap();
    let sshd = Sshd::start_with(SshdOptions {
        authorized_keys: vec![key.public_line("").unwrap()],
        // The first is the one that is pinned; left to itself the client would take ed25519.
        host_key_types: vec!["rsa", "ecdsa", "ed25519"],
        ..SshdOptions::default()
    });
    let exec = SshExec::new(SshConfig::default(), key);
    let pinned = known(&sshd);
    let Endpoint::Ssh { host_key: Some(line), .. } = &pinned else { panic!("pinned") };
    assert!(line.starts_with("ssh-rsa "), "{line}");
    assert_eq!(exec.probe(&pinned).await.unwrap(), pinned);
    let (status, _) = run(&exec, &pinned, ExecRequest::script("exit 3")).await;
    assert_eq!(status, ExitStatus::Code(3));
}

#[tokio::test]
async fn a_malformed_known_key_is_a_configuration_error() {
    let (sshd, exec) = server();
    let mut at = known(&sshd);
    if let Endpoint::Ssh { host_key, .. } = &mut at {
        *host_key = Some("ssh-ed25519 nonsense".to_owned());
    }
    assert_eq!(exec.probe(&at).await.unwrap_err().kind(), ErrorKind::InvalidConfig);
}

#[tokio::test]
async fn a_refused_key_names_the_user_and_the_remedy() {
    let (sshd, _) = server();
    let stranger = SshExec::new(quick(), SshKey::generate().unwrap());
    let error = stranger.probe(&unknown(&sshd)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{error:?}");
    assert!(error.message().contains("\"root\""), "{error:?}");
    assert!(error.advice().unwrap().contains("SSH_PUBLIC_KEY"), "{error:?}");
}

#[tokio::test]
async fn a_closed_port_is_connect_failed() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let exec = SshExec::new(quick(), SshKey::generate().unwrap());
    let error = exec.probe(&at(port)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectFailed, "{error:?}");
    assert!(error.message().contains("refused"), "{error:?}");
}

#[tokio::test]
async fn an_unknown_name_says_so() {
    let exec = SshExec::new(SshConfig::default(), SshKey::generate().unwrap());
    let mut at = at(22);
    if let Endpoint::Ssh { host, .. } = &mut at {
        *host = "no such host".to_owned();
    }
    let error = exec.probe(&at).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectFailed, "{error:?}");
    assert!(error.message().contains("name"), "{error:?}");
}

#[tokio::test]
async fn a_port_that_accepts_and_says_nothing_times_out() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = at(silent.local_addr().unwrap().port());
    let exec = SshExec::new(quick(), SshKey::generate().unwrap());
    let error = timeout(PATIENCE, exec.probe(&at)).await.expect("no hang").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error:?}");
    assert!(error.message().contains("accepts connections"), "{error:?}");
}

#[tokio::test]
async fn a_server_that_falls_silent_in_the_handshake_times_out() {
    let (sshd, _) = server();
    let exec = SshExec::new(quick(), SshKey::generate().unwrap());
    sshd.pause();
    let result = timeout(PATIENCE, exec.probe(&unknown(&sshd))).await.expect("no hang");
    sshd.resume();
    assert_eq!(result.unwrap_err().kind(), ErrorKind::Timeout);
}

#[tokio::test]
async fn another_protocol_is_no_ssh_server() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = at(listener.local_addr().unwrap().port());
    let serve = async {
        let (mut peer, _) = listener.accept().await.unwrap();
        peer.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
    };
    let exec = SshExec::new(quick(), SshKey::generate().unwrap());
    let (result, ()) = tokio::join!(exec.probe(&at), serve);
    let error = result.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::ConnectFailed | ErrorKind::Unsupported), "{error:?}");
}

#[tokio::test]
async fn exec_waits_for_a_server_that_starts_late() {
    let (mut sshd, exec) = server();
    let at = known(&sshd);
    sshd.stop();
    let start = async {
        tokio::time::sleep(Duration::from_millis(700)).await;
        sshd.restart();
    };
    let (result, ()) = tokio::join!(try_run(&exec, &at, ExecRequest::script("exit 6")), start);
    assert_eq!(result.0.unwrap(), ExitStatus::Code(6));
}

#[tokio::test]
async fn a_burst_beyond_max_startups_all_get_through() {
    let key = SshKey::generate().unwrap();
    let sshd = Sshd::start_with(SshdOptions {
        authorized_keys: vec![key.public_line("").unwrap()],
        settings: vec!["MaxStartups 3:100:3".to_owned()],
        ..SshdOptions::default()
    });
    let mut config = SshConfig::default();
    config.connect_retry = PATIENCE;
    let exec = SshExec::new(config, key);
    let at = known(&sshd);
    let mut jobs = tokio::task::JoinSet::new();
    for code in 0..20 {
        let (exec, at) = (exec.clone(), at.clone());
        jobs.spawn(async move {
            let (status, _) = run(&exec, &at, ExecRequest::script(format!("exit {code}"))).await;
            assert_eq!(status, ExitStatus::Code(code));
        });
    }
    while let Some(job) = jobs.join_next().await {
        job.unwrap();
    }
    assert!(sshd.log().contains("MaxStartups"), "the burst was no burst: {}", sshd.log());
}

#[tokio::test]
async fn cancel_does_not_wait_for_a_connection() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = at(silent.local_addr().unwrap().port());
    let mut config = SshConfig::default();
    config.connect_timeout = Duration::from_secs(3600);
    let exec = SshExec::new(config, SshKey::generate().unwrap());
    let cancel = CancellationToken::new();
    let stop = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        cancel.cancel();
    };
    let request = ExecRequest::script("true").cancel(cancel.clone());
    let ((result, _), ()) = tokio::join!(try_run(&exec, &at, request), stop);
    assert_eq!(result.unwrap_err().kind(), ErrorKind::Cancelled);
}

/// Accepts a connection and says nothing until the client hangs up.
async fn stay_silent(listener: &tokio::net::TcpListener) {
    let (mut peer, _) = listener.accept().await.expect("test set-up");
    // The client hangs up in the middle of its handshake, which may also be a reset.
    peer.read_to_end(&mut Vec::new()).await.ok();
}

#[tokio::test]
async fn exec_tries_again_after_an_attempt_that_took_all_of_the_time() {
    let key = SshKey::generate().unwrap();
    let sshd = Sshd::start(&key.public_line("").unwrap());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let Endpoint::Ssh { user, host_key, .. } = known(&sshd) else { panic!("an SSH server") };
    let port = listener.local_addr().unwrap().port();
    let at = Endpoint::Ssh { host: "127.0.0.1".to_owned(), port, user, host_key };
    let mut config = SshConfig::default();
    config.connect_timeout = Duration::from_secs(4);
    config.connect_retry = Duration::from_secs(1);
    let exec = SshExec::new(config, key);
    let serve = async {
        stay_silent(&listener).await;
        let (mut peer, _) = listener.accept().await.unwrap();
        let mut server = TcpStream::connect((sshd.address(), sshd.port())).await.unwrap();
        // Either side may end it with a reset.
        tokio::io::copy_bidirectional(&mut peer, &mut server).await.ok();
    };
    let serve = timeout(PATIENCE, serve);
    let request = ExecRequest::script("echo once; exit 9");
    let ((result, out), served) = tokio::join!(try_run(&exec, &at, request), serve);
    served.expect("two connections");
    assert_eq!(result.unwrap(), ExitStatus::Code(9));
    assert_eq!(out.stdout, b"once\n");
}

#[tokio::test]
async fn a_server_that_stays_silent_is_given_up_in_the_end() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = at(silent.local_addr().unwrap().port());
    let mut config = quick();
    for (retry, expected) in [(Duration::ZERO, 1..=1), (Duration::from_secs(2), 2..=5)] {
        config.connect_retry = retry;
        let exec = SshExec::new(config.clone(), SshKey::generate().unwrap());
        let (result, _) = try_run(&exec, &at, ExecRequest::script("true")).await;
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout, "{error:?}");
        let attempts: u32 = error.context_value("attempts").unwrap().parse().unwrap();
        assert!(expected.contains(&attempts), "{error:?}");
    }
}

#[tokio::test]
async fn what_cannot_pass_is_not_tried_again() {
    let (sshd, _) = server();
    let stranger = SshExec::new(SshConfig::default(), SshKey::generate().unwrap());
    let (result, _) = try_run(&stranger, &known(&sshd), ExecRequest::script("true")).await;
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{error:?}");
    assert_eq!(error.context_value("attempts"), Some("1"), "{error:?}");
}

#[tokio::test]
async fn cancel_ends_further_attempts() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = at(listener.local_addr().unwrap().port());
    let mut config = quick();
    config.connect_retry = Duration::from_secs(3600);
    let exec = SshExec::new(config, SshKey::generate().unwrap());
    let cancel = CancellationToken::new();
    let stop = async {
        stay_silent(&listener).await;
        let second = listener.accept().await.unwrap();
        cancel.cancel();
        second
    };
    let stop = timeout(PATIENCE, stop);
    let request = ExecRequest::script("true").cancel(cancel.clone());
    let ((result, _), second) = tokio::join!(try_run(&exec, &at, request), stop);
    second.expect("a second attempt");
    assert_eq!(result.unwrap_err().kind(), ErrorKind::Cancelled);
}

#[tokio::test]
async fn a_user_without_a_command_is_unsupported() {
    let key = SshKey::generate().unwrap();
    let sshd = Sshd::start_with(SshdOptions {
        authorized_keys: vec![key.public_line("").unwrap()],
        settings: vec!["ForceCommand /bin/false".to_owned()],
        ..SshdOptions::default()
    });
    let exec = SshExec::new(quick(), key);
    let error = exec.probe(&unknown(&sshd)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error:?}");
    let (result, _) = try_run(&exec, &known(&sshd), ExecRequest::script("true")).await;
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TaskFailed, "{error:?}");
    assert!(error.message().contains("before the script started"), "{error:?}");
}

#[tokio::test]
async fn a_dropped_probe_leaves_no_connection() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = at(listener.local_addr().unwrap().port());
    let exec = SshExec::new(SshConfig::default(), SshKey::generate().unwrap());
    // A server that greets and then never says a word: keys are being exchanged for ever.
    let greet = async {
        let (mut peer, _) = listener.accept().await.unwrap();
        peer.write_all(b"SSH-2.0-silent\r\n").await.unwrap();
        let mut heard = Vec::new();
        while !heard.windows(10).any(|window| window == b"curve25519") {
            peer.read_buf(&mut heard).await.unwrap();
        }
        peer
    };
    let mut peer = tokio::select! {
        answer = exec.probe(&at) => panic!("{answer:?}"),
        peer = greet => peer,
    };
    let mut rest = Vec::new();
    timeout(PATIENCE, peer.read_to_end(&mut rest)).await.expect("it was hung up").unwrap();
}
