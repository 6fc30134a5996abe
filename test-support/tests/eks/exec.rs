//! Commands in pods: their streams and their ends.

use std::path::Path;
use std::time::Duration;

use fargate_test_support::eks::{EksOptions, StreamOptions, TaskProgram};
use futures_util::{SinkExt, StreamExt};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use crate::client::{Client, alive, dead, pod, with, words};
use crate::socket::{FLOOD, FLOOD_SIZE, Socket, V4, V5, command, exec_path, held_up, idle};

async fn run(script: &str) -> crate::socket::Ended {
    let (_double, client) = idle(command()).await;
    Socket::exec(&client, "a", &["sh", "-c", script]).await.ended().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_runs_in_the_container() {
    let (double, client) = idle(command()).await;
    let script = "echo $COLOUR; echo $HOME; pwd; echo oops >&2; exit 42";
    let mut socket = Socket::exec(&client, "a", &["sh", "-c", script]).await;
    assert_eq!(socket.protocol, V5);
    let ended = socket.ended().await;
    assert_eq!((ended.code(), ended.stderr.as_slice()), (42, b"oops\n".as_slice()), "{ended:?}");
    let lines: Vec<&str> = ended.out().lines().collect();
    assert_eq!((lines[0], lines[1]), ("blue", lines[2]));
    let message =
        "command terminated with non-zero exit code: command terminated with exit code 42";
    assert_eq!(ended.status["message"], message);

    let request = &double.requests("get pods/exec")[0];
    assert_eq!(request["command"], json!(["sh", "-c", script]));
    assert_eq!(request["stdin"], "true");
    assert_eq!(double.calls()["get pods/exec"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_are_kept_apart_and_unchanged() {
    let (_double, client) = idle(command()).await;
    let mut data = vec![0; 3 << 20];
    fastrand::Rng::with_seed(4).fill(&mut data);
    let mut socket = Socket::exec(&client, "a", &["tee", "/dev/stderr"]).await;
    let (mut sink, mut stream) = socket.inner.split();
    let sent = data.clone();
    let writing = tokio::spawn(async move {
        for part in sent.chunks(10_000) {
            let message = [&[0], part].concat();
            sink.send(Message::binary(message)).await.unwrap();
        }
        sink.send(Message::binary(vec![255, 0])).await.unwrap();
        sink
    });
    let mut all = [const { Vec::new() }; 4];
    while let Some(Ok(Message::Binary(message))) = stream.next().await {
        all[usize::from(message[0])].extend_from_slice(&message[1..]);
    }
    drop(writing.await.unwrap());
    assert!(all[1] == data && all[2] == data, "{} {}", all[1].len(), all[2].len());
    assert_eq!(all[3], br#"{"metadata":{},"status":"Success"}"#);
    socket = Socket::exec(&client, "a", &["true"]).await;
    assert_eq!(socket.next().await, Some((1, Vec::new())), "the first message is empty");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_is_told_as_containerd_tells_it() {
    for (script, code) in
        [("exit 0", 0), ("exit 255", 255), ("kill -KILL $$", 137), ("kill -TERM $$", 143)]
    {
        assert_eq!(run(script).await.code(), code, "{script}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_leads_a_session_and_a_group_of_its_own() {
    let ended = run("echo $$; cut -d' ' -f5,6 /proc/$$/stat").await;
    let (pid, ids) = ended.out().trim().split_once('\n').unwrap();
    assert_eq!(ids, format!("{pid} {pid}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn standard_input_is_closed_alone_in_v5() {
    // What is sent to a command that has ended must not reset the connection.
    let streams = StreamOptions { waits_for_close: true, ..StreamOptions::default() };
    let (_double, client) = idle(EksOptions { streams, ..command() }).await;
    let mut socket = Socket::exec(&client, "a", &["sh", "-c", "wc -c; echo end"]).await;
    socket.send(0, b"12345").await;
    socket.close_stdin().await;
    assert_eq!(socket.ended().await.out(), "5\nend\n");
    // Without standard input there is nothing to read.
    let path = exec_path("a", &["wc", "-c"]).replace("stdin=true", "stdin=false");
    let mut socket = Socket::open(&client, &path, V5).await.unwrap();
    socket.send(0, b"12345").await;
    assert_eq!(socket.ended().await.out(), "0\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_cluster_knows_v4_only() {
    let streams = StreamOptions { only_v4: true, ..StreamOptions::default() };
    let (_double, client) = idle(EksOptions { streams, ..command() }).await;
    let failing = ["sh", "-c", "exit 42"];
    let mut socket = Socket::exec(&client, "a", &failing).await;
    assert_eq!(socket.protocol, V4);
    let ended = socket.ended().await;
    assert_eq!(ended.code(), 42);
    let message = "command terminated with non-zero exit code: error executing command [sh -c \
                   exit 42], exit code 42";
    assert_eq!(ended.status["message"], message);

    // A client cannot close standard input alone: here that is a message for nobody.
    let mut socket = Socket::exec(&client, "a", &["head", "-c", "2"]).await;
    socket.close_stdin().await;
    socket.send(0, b"ab").await;
    assert_eq!(socket.ended().await.out(), "ab");
    // Without a protocol that is known the refusal has no words, and is no denial.
    let refused = Socket::open(&client, &exec_path("a", &failing), V5).await.err();
    assert_eq!(refused, Some((403, String::new())));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_read_holds_the_command_up() {
    let (_double, client) = idle(command()).await;
    // The two outputs are streams of their own: the flood waits for its word.
    let script = format!("echo $$ >&2; read word; exec {FLOOD}");
    let mut socket = Socket::exec(&client, "a", &["sh", "-c", &script]).await;
    let pid = socket.until(2, "\n").await.trim().parse().unwrap();
    socket.send(0, b"go\n").await;
    held_up(pid).await;
    let ended = socket.ended().await;
    assert_eq!((ended.stdout.len(), ended.code()), (FLOOD_SIZE, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ping_is_answered_while_a_command_is_silent() {
    let (_double, client) = idle(command()).await;
    let mut socket = Socket::exec(&client, "a", &["cat"]).await;
    assert_eq!(socket.next().await, Some((1, Vec::new())));
    socket.inner.send(Message::Ping("there?".into())).await.unwrap();
    let answer = socket.inner.next().await.unwrap().unwrap();
    assert_eq!(answer, Message::Pong("there?".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_waits_for_what_a_command_left_behind() {
    let ended = run("(sleep 0.3; echo late) & exit 7").await;
    assert_eq!((ended.out(), ended.code()), ("late\n", 7));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runtime_may_give_up_waiting_for_the_output() {
    let drain_timeout = Some(Duration::from_millis(50));
    let streams = StreamOptions { drain_timeout, ..StreamOptions::default() };
    let (_double, client) = idle(EksOptions { streams, ..command() }).await;
    let script = "sleep 1000 & exit 0";
    let status = Socket::exec(&client, "a", &["sh", "-c", script]).await.ended().await.status;
    assert_eq!(status["reason"], "InternalError");
    let message = status["message"].as_str().unwrap();
    assert!(
        message.contains("io in 50ms because io is still held by other processes"),
        "{message}"
    );
}

/// More than the client's side of a connection takes, and less than the server's.
const MUCH: usize = 256 << 10;

/// A command that has ended, and whose output nobody has read.
async fn unread(client: &Client) -> Socket {
    let script = format!("echo $$ >&2; exec head -c {MUCH} /dev/zero");
    let mut socket = Socket::exec(client, "a", &["sh", "-c", &script]).await;
    let pid = socket.until(2, "\n").await.trim().parse().unwrap();
    dead(pid).await;
    socket
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_closes_at_once_loses_what_is_on_its_way() {
    let (_double, client) = idle(command()).await;
    let mut socket = unread(&client).await;
    // Whatever a client sends to a closed connection is answered with a reset.
    while socket.inner.send(Message::Ping("there?".into())).await.is_ok() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    while let Some(Ok(message)) = socket.inner.next().await {
        assert!(message.into_data().first() != Some(&3), "the status came");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_may_wait_for_the_client_to_close() {
    let streams = StreamOptions { waits_for_close: true, ..StreamOptions::default() };
    let (_double, client) = idle(EksOptions { streams, ..command() }).await;
    let mut socket = unread(&client).await;
    for _ in 0..100 {
        socket.inner.send(Message::Ping("there?".into())).await.unwrap();
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let ended = socket.ended().await;
    assert_eq!((ended.stdout.len(), ended.code()), (MUCH, 0));
    assert!(socket.inner.next().await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_cannot_be_started() {
    let (_double, client) = idle(command()).await;
    for (word, why) in [
        ("nope", "exec: \"nope\": executable file not found in $PATH: unknown"),
        ("/nope", "exec: \"/nope\": stat /nope: no such file or directory: unknown"),
        ("/etc/passwd", "exec: \"/etc/passwd\": permission denied: unknown"),
    ] {
        let path = exec_path("a", &[word]);
        for (protocol, times) in [(V5, 2), (V4, 1)] {
            let mut socket = Socket::open(&client, &path, protocol).await.unwrap();
            let status = socket.ended().await.status;
            assert_eq!(
                (&status["reason"], &status["code"]),
                (&json!("InternalError"), &json!(500))
            );
            let message = status["message"].as_str().unwrap();
            let begin = "Internal error occurred: ".repeat(times)
                + "error executing command in container: failed to exec in container: failed to \
                   start exec \"";
            assert!(message.starts_with(&begin) && message.ends_with(why), "{message}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_container_has_its_own_environment() {
    let (double, client) = words().await;
    let mut two = pod("a", "key");
    let containers = two["spec"]["containers"].as_array_mut().unwrap();
    containers.push(json!({
        "name": "sidecar", "image": "registry.example.com/sidecar:1",
        "env": [{"name": "COLOUR", "value": "red"}],
    }));
    client.create(&two).await;
    double.wait_for("a", "Running").await;
    let path = exec_path("a", &["printenv", "COLOUR"]);
    for (container, colour) in [("ci-coordinator", "blue\n"), ("sidecar", "red\n")] {
        let path = format!("{path}&container={container}");
        let mut socket = Socket::open(&client, &path, V5).await.unwrap();
        assert_eq!(socket.ended().await.out(), colour);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_the_pod_is_the_end_of_its_commands() {
    for program in [TaskProgram::Command, TaskProgram::None, TaskProgram::Sshd] {
        let (double, client) = idle(EksOptions { program, ..EksOptions::default() }).await;
        let script = "setsid sleep 1000 >/dev/null 2>&1 & echo $! $$; exec sleep 1000";
        let mut socket = Socket::exec(&client, "a", &["sh", "-c", script]).await;
        let pids = socket.until(1, "\n").await;
        client.delete("a").await;
        assert_eq!(socket.ended().await.code(), 137);
        double.wait_gone("a").await;
        for pid in pids.split_whitespace() {
            assert!(!alive(pid.parse().unwrap()));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_command_outlives_the_double() {
    for program in [TaskProgram::Command, TaskProgram::None] {
        let (double, client) = idle(EksOptions { program, ..EksOptions::default() }).await;
        let mut socket =
            Socket::exec(&client, "a", &["sh", "-c", "echo $$; exec sleep 1000"]).await;
        let pid = socket.until(1, "\n").await.trim().parse().unwrap();
        drop(double);
        dead(pid).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_can_be_ended_by_another() {
    let (_double, client) = idle(command()).await;
    let script = "echo $$; sleep 1000; echo never";
    let mut socket = Socket::exec(&client, "a", &["sh", "-c", script]).await;
    let pid = socket.until(1, "\n").await;
    let kill = format!("kill -KILL -{}", pid.trim());
    let mut other = Socket::exec(&client, "a", &["sh", "-c", &kill]).await;
    assert_eq!(other.ended().await.code(), 0);
    assert_eq!(socket.ended().await.code(), 137);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_runs_its_own_command() {
    let (double, client) = with(command()).await;
    let mut own = pod("a", "key");
    let container = &mut own["spec"]["containers"][0];
    container["command"] = json!(["sh", "-c"]);
    container["args"] = json!(["echo $COLOUR; cut -d' ' -f6 /proc/$$/stat; exit 3"]);
    client.create(&own).await;
    let ended = double.wait_for("a", "Failed").await;
    let state = &ended.json["status"]["containerStatuses"][0]["state"]["terminated"];
    assert_eq!((&state["exitCode"], &state["reason"]), (&json!(3), &json!("Error")));
    let log = double.log("a");
    assert!(log.starts_with("blue\n"), "{log}");

    own["metadata"]["name"] = "b".into();
    own["spec"]["containers"][0]["command"] = json!(["nope"]);
    client.create(&own).await;
    let ended = double.wait_for("b", "Failed").await;
    let state = &ended.json["status"]["containerStatuses"][0]["state"]["terminated"];
    assert_eq!((&state["exitCode"], &state["reason"]), (&json!(128), &json!("StartError")));

    own["metadata"]["name"] = "c".into();
    own["spec"]["containers"][0]["command"] = json!(["sleep"]);
    own["spec"]["containers"][0]["args"] = json!(["1000"]);
    client.create(&own).await;
    let view = double.wait_for("c", "Running").await;
    assert_eq!(view.host_key, None);
    let pid = view.pid.unwrap();
    assert!(Path::new(&format!("/proc/{pid}")).exists());
    kill_process(Pid::from_raw(pid.cast_signed()).unwrap(), Signal::TERM).unwrap();
    double.wait_for("c", "Failed").await;
    assert_eq!(
        double.pod("c").json["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"],
        143
    );
}
