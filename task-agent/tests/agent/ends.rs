//! Everything the agent started ends when it has to: proved by process id.

use std::process::{Output, Stdio};

use crate::common::{Agent, PATIENCE, command, is_running, public, until, until_gone};
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Child;
use tokio::time::timeout;

fn signal(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(pid.try_into().unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
}

/// Starts `script`, which prints process ids, one in each line, and reads `count` of them.
async fn start(agent: &Agent, script: &str, count: usize) -> (Child, Vec<u32>) {
    let mut ssh = agent.ssh().arg(script).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(ssh.stdout.take().unwrap()).lines();
    let mut pids = Vec::new();
    while pids.len() < count {
        let line = timeout(PATIENCE, lines.next_line()).await.expect("prints").unwrap();
        pids.push(line.expect("a process id").parse().unwrap());
    }
    assert!(pids.iter().all(|pid| is_running(*pid)));
    (ssh, pids)
}

#[tokio::test]
async fn lost_connection_ends_the_group() {
    let agent = Agent::start(&[]).await;
    let (mut ssh, pids) = start(&agent, "sleep 600 & echo $!; echo $$; wait", 2).await;
    ssh.kill().await.unwrap();
    for pid in pids {
        until_gone(pid).await;
    }
}

#[tokio::test]
async fn lost_connection_kills_what_ignores_term() {
    let agent = Agent::start(&[]).await;
    let script = "trap '' TERM; sleep 600 & echo $!; echo $$; while :; do wait; done";
    let (mut ssh, pids) = start(&agent, script, 2).await;
    ssh.kill().await.unwrap();
    for pid in pids {
        until_gone(pid).await;
    }
}

#[tokio::test]
async fn sigterm_ends_everything_even_daemons() {
    let mut agent = Agent::start(&[]).await;
    let script = "setsid sh -c 'echo $$; exec sleep 600' & sleep 600 & echo $!; wait";
    let (mut ssh, pids) = start(&agent, script, 2).await;
    let background = agent.run("sleep 600 >/dev/null 2>&1 & echo $!").await;
    let background = String::from_utf8_lossy(&background.stdout).trim().parse().unwrap();
    assert!(is_running(background));
    signal(agent.pid(), Signal::TERM);
    assert_eq!(agent.ended().await, Some(0));
    for pid in pids.into_iter().chain([background]) {
        assert!(!is_running(pid), "nothing outlives the agent");
    }
    assert!(!timeout(PATIENCE, ssh.wait()).await.expect("ends").unwrap().success());
}

/// What `ssh` ends with when no exit status came.
const NO_STATUS: Option<i32> = Some(255);

async fn code(mut ssh: Child) -> Option<i32> {
    timeout(PATIENCE, ssh.wait()).await.expect("ssh ends").unwrap().code()
}

/// Scripts that end in order when they are asked to, one in success and one in failure.
async fn start_orderly(agent: &Agent) -> [(Child, Vec<u32>); 2] {
    let orderly =
        |code| format!("trap 'exit {code}' TERM HUP; echo $$; while :; do sleep .2; done");
    [start(agent, &orderly(0), 1).await, start(agent, &orderly(1), 1).await]
}

#[tokio::test]
async fn script_that_answers_the_agents_sigterm_has_no_exit_status() {
    let mut agent = Agent::start(&[]).await;
    let scripts = start_orderly(&agent).await;
    signal(agent.pid(), Signal::TERM);
    assert_eq!(agent.ended().await, Some(0));
    for (ssh, pids) in scripts {
        assert!(!is_running(pids[0]));
        assert_eq!(code(ssh).await, NO_STATUS);
    }
}

#[tokio::test]
async fn script_that_the_deadline_ends_has_no_exit_status() {
    let mut agent = Agent::start(&["--deadline", "3s"]).await;
    let scripts = start_orderly(&agent).await;
    assert_eq!(agent.ended().await, Some(3));
    for (ssh, pids) in scripts {
        assert!(!is_running(pids[0]));
        assert_eq!(code(ssh).await, NO_STATUS);
    }
}

#[tokio::test]
async fn last_words_of_a_script_that_is_ended_arrive() {
    let mut agent = Agent::start(&[]).await;
    let script = "trap 'echo last words; exit 0' TERM; echo up; while :; do sleep .2; done";
    let mut ssh = agent.ssh().arg(script).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(ssh.stdout.take().unwrap()).lines();
    assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("up"));
    signal(agent.pid(), Signal::HUP);
    let last = timeout(PATIENCE, lines.next_line()).await.expect("a line or the end").unwrap();
    assert_eq!(last.as_deref(), Some("last words"));
    assert_eq!(code(ssh).await, NO_STATUS);
    assert_eq!(agent.ended().await, Some(0));
}

#[tokio::test]
async fn script_that_was_over_before_the_agents_end_keeps_its_exit_status() {
    let mut agent = Agent::start(&[]).await;
    let go = agent.dir.path().join("go");
    let waiting = |code| {
        let go = go.display();
        format!("echo $$; until [ -e {go} ]; do sleep .05; done; exit {code}")
    };
    let (success, first) = start(&agent, &waiting(0), 1).await;
    let (failure, second) = start(&agent, &waiting(7), 1).await;
    let [(unfinished, _), _] = start_orderly(&agent).await;
    // The agent sleeps while the scripts end, and finds both on waking: their end and the signal.
    signal(agent.pid(), Signal::STOP);
    std::fs::write(&go, "").unwrap();
    until_gone(first[0]).await;
    until_gone(second[0]).await;
    signal(agent.pid(), Signal::TERM);
    signal(agent.pid(), Signal::CONT);
    assert_eq!(agent.ended().await, Some(0));
    assert_eq!(code(success).await, Some(0));
    assert_eq!(code(failure).await, Some(7));
    assert_eq!(code(unfinished).await, NO_STATUS);
}

#[tokio::test]
async fn grace_ends_with_a_kill() {
    let mut agent = Agent::start(&["--grace", "300ms"]).await;
    let script = "trap '' TERM; echo $$; while :; do sleep 600; done";
    let (_ssh, pids) = start(&agent, script, 1).await;
    signal(agent.pid(), Signal::INT);
    assert_eq!(agent.ended().await, Some(0));
    assert!(!is_running(pids[0]));
}

#[tokio::test]
async fn deadline_ends_everything_with_a_code_of_its_own() {
    let mut agent = Agent::start(&["--deadline", "2s"]).await;
    let (_ssh, pids) = start(&agent, "echo $$; exec sleep 600", 1).await;
    assert_eq!(agent.ended().await, Some(3));
    assert!(!is_running(pids[0]));
}

#[tokio::test]
async fn removed_state_directory_ends_everything() {
    let mut agent = Agent::start(&[]).await;
    let (_ssh, pids) = start(&agent, "echo $$; exec sleep 600", 1).await;
    std::fs::rename(agent.dir.path().join("state"), agent.dir.path().join("moved")).unwrap();
    assert_eq!(agent.ended().await, Some(4));
    assert!(!is_running(pids[0]));
}

#[tokio::test]
async fn orphans_do_not_stay_zombies() {
    let agent = Agent::start(&[]).await;
    let output = agent.run("sh -c 'sleep 0.2 >/dev/null 2>&1 & echo $!'").await;
    let pid: u32 = String::from_utf8_lossy(&output.stdout).trim().parse().unwrap();
    let path = format!("/proc/{pid}/stat");
    until("the orphan is collected", || !std::path::Path::new(&path).exists()).await;
}

async fn refused(dir: &std::path::Path, key: &str) -> Output {
    let mut command = command(dir);
    command.env("SSH_PUBLIC_KEY", key);
    timeout(PATIENCE, command.output()).await.expect("ends").unwrap()
}

#[tokio::test]
async fn second_agent_in_one_state_directory_says_so_and_ends() {
    let agent = Agent::start(&[]).await;
    let output = refused(agent.dir.path(), &public(&agent.dir.path().join("id"))).await;
    assert_eq!(output.status.code(), Some(1));
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(message.contains("another agent runs in"), "{message}");
    assert_eq!(agent.run("echo still there").await.stdout, b"still there\n");
}

#[tokio::test]
async fn malformed_key_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let output = refused(dir.path(), "command=\"id\" ssh-ed25519 AAAA").await;
    assert_eq!(output.status.code(), Some(1));
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(message.contains("SSH_PUBLIC_KEY"), "{message}");
}
