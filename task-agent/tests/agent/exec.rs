//! Commands, their streams and their ends, seen by OpenSSH's client.

use std::process::Stdio;
use std::time::Duration;

use crate::common::{Agent, PATIENCE, is_running};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

const LARGE: usize = 64 << 20;

/// Bytes of which no two stretches are alike, so that a lost or doubled one shows.
fn unlike_anywhere(length: usize) -> Vec<u8> {
    (0..length / 4).flat_map(|number| (number as u32).to_le_bytes()).collect()
}

#[tokio::test]
async fn exit_codes_are_the_commands_own() {
    let agent = Agent::start(&[]).await;
    for code in [0, 1, 2, 42, 126, 127, 128, 137, 254, 255] {
        let output = agent.run(&format!("exit {code}")).await;
        assert_eq!(output.status.code(), Some(code), "{output:?}");
    }
}

#[tokio::test]
async fn environment_and_directory_are_the_agents_without_its_key() {
    let agent = Agent::start(&[]).await;
    let output = agent
        .ssh()
        .args(["-o", "SetEnv=COLOUR=\"deep blue\""])
        .arg("echo \"$COLOUR\"; echo \"${SSH_PUBLIC_KEY-unset}\"; pwd; command -v ls >&2")
        .output()
        .await
        .unwrap();
    let home = std::env::var("HOME").unwrap_or_else(|_| "/".into());
    assert_eq!(String::from_utf8_lossy(&output.stdout), format!("deep blue\nunset\n{home}\n"));
    assert!(output.stderr.ends_with(b"/ls\n"));
}

#[tokio::test]
async fn both_large_streams_arrive_whole_and_apart() {
    let agent = Agent::start(&[]).await;
    let output = agent
        .run(&format!("yes out | head -c {LARGE} & yes error | head -c {LARGE} >&2; wait"))
        .await;
    assert!(output.status.success());
    let expected = |line: &[u8]| line.iter().copied().cycle().take(LARGE).collect::<Vec<_>>();
    assert!(output.stdout == expected(b"out\n"), "{} bytes", output.stdout.len());
    assert!(output.stderr == expected(b"error\n"), "{} bytes", output.stderr.len());
}

#[tokio::test]
async fn large_input_comes_back_through_cat() {
    let agent = Agent::start(&[]).await;
    let mut ssh =
        agent.ssh().arg("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let data = unlike_anywhere(LARGE);
    let (mut stdin, mut stdout) = (ssh.stdin.take().unwrap(), ssh.stdout.take().unwrap());
    let mut back = Vec::new();
    timeout(PATIENCE, async {
        tokio::join!(
            async {
                stdin.write_all(&data).await.unwrap();
                drop(stdin);
            },
            async { stdout.read_to_end(&mut back).await.unwrap() },
        )
    })
    .await
    .expect("no stall");
    assert!(back == data, "{} bytes came back", back.len());
    assert!(ssh.wait().await.unwrap().success());
}

#[tokio::test]
async fn input_of_a_command_that_reads_late_waits_for_it() {
    let agent = Agent::start(&[]).await;
    let mut ssh = agent
        .ssh()
        .arg("sleep 2; wc -c")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = ssh.stdin.take().unwrap();
    timeout(PATIENCE, stdin.write_all(&vec![7; LARGE])).await.expect("no stall").unwrap();
    drop(stdin);
    let output = timeout(PATIENCE, ssh.wait_with_output()).await.expect("ends").unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), LARGE.to_string());
    let peak = agent.peak_memory();
    assert!(peak < 56 << 10, "{peak} kB: the input piled up");
}

#[tokio::test]
async fn stalled_client_and_endless_writer_take_little_memory() {
    let agent = Agent::start(&[]).await;
    let mut ssh = agent.ssh().arg("yes").stdout(Stdio::piped()).spawn().unwrap();
    let mut stdout = ssh.stdout.take().unwrap();
    stdout.read_exact(&mut [0; 4096]).await.unwrap();
    // Time for an agent without back-pressure to buffer far more than it may.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let peak = agent.peak_memory();
    assert!(peak < 64 << 10, "{peak} kB");
    // And nothing was lost: it goes on where it stopped.
    let mut more = vec![0; 8 << 20];
    timeout(PATIENCE, stdout.read_exact(&mut more)).await.expect("goes on").unwrap();
    assert!(more.chunks_exact(2).all(|pair| pair == b"y\n"));
}

#[tokio::test]
async fn left_behind_process_neither_holds_the_channel_nor_dies() {
    let agent = Agent::start(&[]).await;
    let output = agent.run("sleep 600 & echo $!; exit 5").await;
    assert_eq!(output.status.code(), Some(5));
    let pid = String::from_utf8_lossy(&output.stdout).trim().parse().unwrap();
    assert!(is_running(pid), "it is not the agent's to kill");
}

#[tokio::test]
async fn left_behind_writer_that_never_falls_silent_does_not_hold_the_channel() {
    let agent = Agent::start(&[]).await;
    let output = agent.run("yes & exit 6").await;
    assert_eq!(output.status.code(), Some(6));
}

#[tokio::test]
async fn terminals_shells_forwarding_and_subsystems_are_refused() {
    let agent = Agent::start(&[]).await;
    let shell = timeout(PATIENCE, agent.ssh().output()).await.expect("no hang").unwrap();
    assert!(!shell.status.success());
    for refused in [&["-tt", "tty"], &["-s", "sftp"], &["-W", "127.0.0.1:1"]] {
        let output = timeout(PATIENCE, agent.ssh().args(refused).output()).await;
        assert!(!output.expect("no hang").unwrap().status.success(), "{refused:?}");
    }
}

#[tokio::test]
async fn only_the_one_key_gets_in() {
    let agent = Agent::start(&[]).await;
    let other = crate::common::key_pair(agent.dir.path(), "other").await;
    let output = agent.ssh_with(&other).arg("echo in").output().await.unwrap();
    assert_eq!(output.status.code(), Some(255));
    assert!(String::from_utf8_lossy(&output.stderr).contains("Permission denied (publickey)"));
    assert!(output.stdout.is_empty());
}
