//! Cancelled scripts are dead, and lost connections are never success.

mod common;

use std::fs;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fargate_core::{Endpoint, Error, ErrorKind, ExecRequest, ExitStatus, RemoteExec, Result};
use fargate_ssh_transport::{SshConfig, SshExec, SshKey};
use fargate_test_support::agent::Agent;
use fargate_test_support::sshd::{Sshd, SshdOptions};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use common::{Each, PATIENCE, assert_gone, known, run, server, server_with};

/// Runs `request` and `then` on its first chunk, while the script runs on.
async fn at_first_output(
    exec: &SshExec,
    at: &Endpoint,
    request: ExecRequest,
    then: impl AsyncFnOnce(String),
) -> (Result<ExitStatus>, String) {
    let (sender, mut chunks) = mpsc::unbounded_channel();
    let text = Arc::new(Mutex::new(String::new()));
    let kept = Arc::clone(&text);
    let mut sink = Each(move |_, data: Vec<u8>| {
        let chunk = String::from_utf8(data).expect("test set-up");
        kept.lock().expect("test set-up").push_str(&chunk);
        sender.send(chunk).ok();
        async { Ok(()) }
    });
    let watch = async {
        let first = chunks.recv().await.expect("output");
        then(first).await;
    };
    let both = async { tokio::join!(exec.exec(at, request, &mut sink), watch) };
    let (result, ()) = timeout(PATIENCE, both).await.expect("no hang");
    let text = text.lock().expect("test set-up").clone();
    (result, text)
}

fn impatient() -> SshConfig {
    let mut config = SshConfig::default();
    config.keepalive_interval = Duration::from_millis(300);
    config.keepalive_max_missed = 2;
    config
}

fn pids(text: &str) -> Vec<u32> {
    text.split_whitespace().map(|pid| pid.parse().expect("test set-up")).collect()
}

#[tokio::test]
async fn cancel_kills_also_what_ignores_the_request() {
    let (sshd, exec) = server();
    let cancel = CancellationToken::new();
    let request = ExecRequest::script(
        "trap '' TERM; sleep 600 & a=$!; sh -c 'trap \"\" TERM; sleep 600; :' & echo $$ $a $!; wait",
    )
    .cancel(cancel.clone())
    .grace(Duration::from_millis(600));
    let mut started = Vec::new();
    let (result, _) = at_first_output(&exec, &known(&sshd), request, async |text| {
        started = pids(&text);
        assert!(started.iter().all(|pid| common::alive(*pid)), "{started:?}");
        cancel.cancel();
    })
    .await;
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    assert_eq!(error.context_value("end of the script"), None, "{error:?}");
    assert_eq!(started.len(), 3);
    // Confirmed means gone when the call returns, not some time later.
    assert!(!started.iter().any(|pid| common::alive(*pid)), "{started:?}");
}

#[tokio::test]
async fn cancel_lets_a_script_clean_up_within_the_grace() {
    let (sshd, exec) = server();
    let mark = sshd.home().join("cleaned");
    let cancel = CancellationToken::new();
    let script = format!(
        "trap 'sleep 1; head -c 1000000 /dev/zero; touch {}; exit 0' TERM; echo up; \
         while :; do sleep 0.1; done",
        mark.display()
    );
    let request = ExecRequest::script(script).cancel(cancel.clone()).grace(Duration::from_secs(30));
    let (result, _) =
        at_first_output(&exec, &known(&sshd), request, async |_| cancel.cancel()).await;
    // The script's own exit code 0 came after the request and counts no more.
    assert_eq!(result.unwrap_err().kind(), ErrorKind::Cancelled);
    assert!(mark.exists(), "it was not given its time");
}

#[tokio::test]
async fn cancel_before_the_script_is_up_never_runs_it() {
    let (sshd, exec) = server();
    fs::write(sshd.home().join(".bashrc"), "echo noise; sleep 1").unwrap();
    let mark = sshd.home().join("ran");
    let cancel = CancellationToken::new();
    let script = format!("{}touch {}", "# padding\n".repeat(4 << 20), mark.display());
    let request = ExecRequest::script(script).cancel(cancel.clone());
    let (result, _) =
        at_first_output(&exec, &known(&sshd), request, async |_| cancel.cancel()).await;
    assert_eq!(result.unwrap_err().kind(), ErrorKind::Cancelled);
    sleep(Duration::from_secs(2)).await;
    assert!(!mark.exists(), "it ran");
}

#[tokio::test]
async fn cancel_says_when_the_end_could_not_be_confirmed() {
    let mut config = SshConfig::default();
    config.connect_retry = Duration::ZERO;
    let (mut sshd, exec) = server_with(config);
    let at = known(&sshd);
    let cancel = CancellationToken::new();
    let request = ExecRequest::script("echo $$; sleep 600").cancel(cancel.clone());
    let mut started = Vec::new();
    let (result, _) = at_first_output(&exec, &at, request, async |text| {
        started = pids(&text);
        // The connection stays, the server takes no other.
        cancel.cancel();
        sshd.stop();
    })
    .await;
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled, "{error:?}");
    assert!(error.context_value("end of the script").unwrap().contains("not confirmed"));
    drop(sshd);
    assert_gone(&started).await;
}

#[tokio::test]
async fn cancel_does_not_claim_to_have_ended_a_group_it_does_not_know() {
    let key = SshKey::generate().unwrap();
    let sshd = Sshd::start_with(SshdOptions {
        authorized_keys: vec![key.public_line("").unwrap()],
        // The forced command leads the group, and the script is a child of it.
        settings: vec!["ForceCommand sh -c \"$SSH_ORIGINAL_COMMAND\"; exit $?".to_owned()],
        ..SshdOptions::default()
    });
    let exec = SshExec::new(SshConfig::default(), key);
    let cancel = CancellationToken::new();
    let request = ExecRequest::script("echo $$; while :; do sleep 0.1; done")
        .cancel(cancel.clone())
        .grace(Duration::from_secs(1));
    let mut started = Vec::new();
    let (result, _) = at_first_output(&exec, &known(&sshd), request, async |text| {
        started = pids(&text);
        cancel.cancel();
    })
    .await;
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled, "{error:?}");
    let end = error.context_value("end of the script").unwrap();
    assert!(end.contains("only the script's first process"), "{end}");
    assert_gone(&started).await;
}

#[tokio::test]
async fn a_failing_sink_ends_the_script_and_gives_its_own_error() {
    let (sshd, exec) = server();
    let seen = Arc::new(Mutex::new(String::new()));
    let kept = Arc::clone(&seen);
    let mut sink = Each(move |_, data: Vec<u8>| {
        kept.lock().unwrap().push_str(&String::from_utf8(data).unwrap());
        async { Err(Error::new(ErrorKind::Unexpected, "write log", "the disk is full")) }
    });
    let request = ExecRequest::script("echo $$; sleep 600").grace(Duration::from_secs(1));
    let error = timeout(PATIENCE, exec.exec(&known(&sshd), request, &mut sink))
        .await
        .expect("no hang")
        .unwrap_err();
    assert_eq!(error.message(), "the disk is full");
    let started = pids(&seen.lock().unwrap());
    assert_eq!(started.len(), 1);
    assert_gone(&started).await;
}

#[tokio::test]
async fn a_server_that_dies_under_the_script_is_connection_lost() {
    let (sshd, exec) = server();
    let request = ExecRequest::script("echo begun; sleep 2; exit 0");
    let (result, text) = at_first_output(&exec, &known(&sshd), request, async |_| {
        sshd.kill_sessions();
    })
    .await;
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionLost, "{error:?}");
    assert!(error.message().contains("unknown"), "{error:?}");
    assert_eq!(error.context_value("script"), Some("had started"));
    assert_eq!(text, "begun\n");
}

#[tokio::test]
async fn a_script_that_the_ending_agent_ends_is_connection_lost() {
    for code in [0, 1] {
        let key = SshKey::generate().unwrap();
        let agent = Agent::start(&key.public_line("").unwrap());
        let at = Endpoint::Ssh {
            host: "127.0.0.1".to_owned(),
            port: agent.port(),
            user: "root".to_owned(),
            host_key: Some(agent.host_key_line().to_owned()),
        };
        let exec = SshExec::new(SshConfig::default(), key);
        // GitLab's scripts end with 1 when they are asked to, others may well say 0.
        let script = format!("trap 'exit {code}' TERM; echo $$; while :; do sleep 0.2; done");
        let request = ExecRequest::script(script);
        let mut started = Vec::new();
        let (result, _) = at_first_output(&exec, &at, request, async |text| {
            started = pids(&text);
            let kill = format!("kill -TERM {}", agent.pid());
            assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
        })
        .await;
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionLost, "{code}: {error:?}");
        assert_eq!(error.context_value("script"), Some("had started"));
        assert_gone(&started).await;
    }
}

#[tokio::test]
async fn a_server_that_falls_silent_is_connection_lost() {
    let (sshd, exec) = server_with(impatient());
    let request = ExecRequest::script("echo begun; sleep 600");
    let (result, _) = at_first_output(&exec, &known(&sshd), request, async |_| sshd.pause()).await;
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionLost, "{error:?}");
    assert!(error.context_value("reason").unwrap().contains("keepalives"), "{error:?}");
}

#[tokio::test]
async fn a_server_that_falls_silent_during_the_upload_is_connection_lost() {
    let (sshd, exec) = server_with(impatient());
    // The shell takes its time, so that the upload fills every buffer on the way.
    fs::write(sshd.home().join(".bashrc"), "echo noise; sleep 600").unwrap();
    let request = ExecRequest::script(vec![b'#'; 64 << 20]);
    let (result, _) = at_first_output(&exec, &known(&sshd), request, async |_| sshd.pause()).await;
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionLost, "{error:?}");
    assert_eq!(error.context_value("script"), Some("had not reported its start"));
}

#[tokio::test]
async fn a_script_that_closes_its_streams_is_waited_for() {
    let (sshd, exec) = server();
    let script = "exec >&- 2>&-; sleep 1; exit 12";
    let (status, _) = run(&exec, &known(&sshd), ExecRequest::script(script)).await;
    assert_eq!(status, ExitStatus::Code(12));
}

#[tokio::test]
async fn deaths_by_signal_keep_their_names() {
    let (sshd, exec) = server();
    let at = known(&sshd);
    for name in ["KILL", "TERM", "ABRT", "SEGV", "HUP", "USR1", "BUS"] {
        let script = format!("ulimit -c 0; kill -{name} $$; sleep 60");
        let (status, _) = run(&exec, &at, ExecRequest::script(script)).await;
        let ExitStatus::Signal(got) = &status else { panic!("{name}: {status}") };
        // RFC 4254 has no name for BUS, and OpenSSH says so in its own way.
        assert!(got == name || (name == "BUS" && !got.contains('@')), "{name}: {got}");
    }
}
