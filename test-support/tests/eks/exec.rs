//! Commands in pods.

use fargate_test_support::eks::{EksOptions, TaskProgram};

use crate::socket::{Socket, V5, idle};

fn command() -> EksOptions {
    EksOptions { program: TaskProgram::Command, ..EksOptions::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_runs_in_the_container() {
    let (double, client) = idle(command()).await;
    let script = "echo $COLOUR; pwd; echo oops >&2; exit 42";
    let mut socket = Socket::exec(&client, "a", &["sh", "-c", script]).await;
    assert_eq!(socket.protocol, V5);
    let ended = socket.ended().await;
    assert_eq!(ended.code(), 42, "{ended:?}");
    assert_eq!(ended.stderr, b"oops\n");
    assert!(ended.out().starts_with("blue\n/"), "{}", ended.out());
    let request = &double.requests("get pods/exec")[0];
    assert_eq!(request["command"], serde_json::json!(["sh", "-c", script]));
    assert_eq!(request["stdin"], "true");
}
