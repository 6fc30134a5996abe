//! Pods are real.

use std::io::Read;
use std::net::TcpStream;
use std::time::Duration;

use fargate_test_support::eks::{EksOptions, PodFault, PodView, TaskProgram};
use fargate_test_support::visitor::Visitor;
use serde_json::json;

use crate::client::{alive, dead, pod, pod_path, visit, visitor, with};

#[tokio::test(flavor = "multi_thread")]
async fn create_log_in_delete() {
    let (double, client) = with(EksOptions::default()).await;
    let visitor = visitor();
    client.create(&pod("job-1", visitor.public_key())).await;
    let view = double.wait_for("job-1", "Running").await;
    assert_eq!(client.pod("job-1").await["status"]["podIP"], view.address.to_string());
    let (code, out, err) = visit(&visitor, &view, "echo $HOME; echo oops >&2; exit 7").await;
    assert_eq!((code, err.trim()), (7, "oops"), "{out}{err}{}", double.log("job-1"));
    let stranger = crate::client::visitor();
    assert_eq!(visit(&stranger, &view, "true").await.0, 255);

    let pids = left_behind(&visitor, &view).await;
    let mut session = visitor.session(view.address, view.host_key.as_deref()).await;
    client.delete("job-1").await;
    double.wait_gone("job-1").await;
    assert_eq!(pids.into_iter().find(|pid| alive(*pid)), None);
    assert_eq!(session.wait().await.unwrap().code(), Some(255));
    assert_eq!(double.running(), 0);
}

/// Leaves two processes behind on the pod, one of which has left the session and ignores TERM.
/// Returns their pids and that of the pod's first process.
async fn left_behind(visitor: &Visitor, view: &PodView) -> Vec<u32> {
    let leave = "setsid sh -c 'trap : TERM; while :; do sleep 1; done' >/dev/null 2>&1 & echo $!; \
                 sh -c 'sleep 1000; true' >/dev/null 2>&1 & echo $!";
    let (code, out, err) = visit(visitor, view, leave).await;
    assert_eq!(code, 0, "{err}");
    let mut pids: Vec<u32> = out.split_whitespace().map(|pid| pid.parse().unwrap()).collect();
    pids.extend(view.pid);
    assert!(pids.len() == 3 && pids.iter().all(|pid| alive(*pid)), "{pids:?}");
    pids
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_outlives_the_double() {
    let (double, client) = with(EksOptions::default()).await;
    let visitor = visitor();
    client.create(&pod("job-1", visitor.public_key())).await;
    let view = double.wait_for("job-1", "Running").await;
    let pids = left_behind(&visitor, &view).await;
    drop(double);
    assert_eq!(pids.into_iter().find(|pid| alive(*pid)), None);
    assert!(client.raw("GET", "/version", &json!(null)).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_can_be_hurried() {
    let stubborn = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/eks/stubborn.sh");
    let program = TaskProgram::Agent(stubborn.into());
    let (double, client) = with(EksOptions { program, ..EksOptions::default() }).await;
    let mut patient = pod("job-1", "key");
    patient["spec"]["terminationGracePeriodSeconds"] = 600.into();
    client.create(&patient).await;
    let view = double.wait_for("job-1", "Running").await;
    let going = client.delete("job-1").await;
    assert_eq!(going["metadata"]["deletionGracePeriodSeconds"], 600);
    // More time than before is not given.
    for (asked, left) in [(700, 600), (1, 1)] {
        let options = json!({"gracePeriodSeconds": asked});
        let going = client.call("DELETE", &pod_path("job-1"), &options).await;
        assert_eq!(going["metadata"]["deletionGracePeriodSeconds"], left);
    }
    let gone = double.wait_gone("job-1").await;
    assert!(!alive(view.pid.unwrap()));
    let state = &gone.json["status"]["containerStatuses"][0]["state"];
    assert_eq!(state["terminated"]["exitCode"], 137);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forced_deletion_takes_the_pod_away_at_once() {
    let stubborn = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/eks/stubborn.sh");
    let program = TaskProgram::Agent(stubborn.into());
    let (double, client) = with(EksOptions { program, ..EksOptions::default() }).await;
    client.create(&pod("job-1", "key")).await;
    let pid = double.wait_for("job-1", "Running").await.pid.unwrap();
    let options = json!({"gracePeriodSeconds": 0});
    client.call("DELETE", &pod_path("job-1"), &options).await;
    assert!(double.pod("job-1").gone);
    dead(pid).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_can_run_the_agent() {
    let program = TaskProgram::Agent(fargate_test_support::binaries::agent());
    let (double, client) = with(EksOptions { program, ..EksOptions::default() }).await;
    let visitor = visitor();
    client.create(&pod("job-1", visitor.public_key())).await;
    let view = double.wait_for("job-1", "Running").await;
    // The agent's environment is the container's.
    let (code, out, err) = visit(&visitor, &view, "echo $COLOUR; exit 7").await;
    assert_eq!((code, out.trim()), (7, "blue"), "{err}{}", double.log("job-1"));
    client.delete("job-1").await;
    double.wait_gone("job-1").await;
    assert!(!alive(view.pid.unwrap()));

    double.inject_pod(PodFault::WrongKey);
    client.create(&pod("job-2", visitor.public_key())).await;
    let wary = double.wait_for("job-2", "Running").await;
    let (code, _, err) = visit(&visitor, &wary, "true").await;
    assert!(code == 255 && err.contains("Permission denied"), "{err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_or_silence_at_the_address() {
    let (double, client) = with(EksOptions::default()).await;
    let port = EksOptions::default().ssh_port;
    double.inject_pod(PodFault::NoSshd);
    client.create(&pod("a", "key")).await;
    let view = double.wait_for("a", "Running").await;
    assert!(TcpStream::connect((view.address, port)).is_err());

    double.inject_pod(PodFault::SilentSshd);
    client.create(&pod("b", "key")).await;
    let view = double.wait_for("b", "Running").await;
    let mut connection = TcpStream::connect((view.address, port)).unwrap();
    connection.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    assert!(connection.read(&mut [0; 1]).is_err());
    client.delete("b").await;
    double.wait_gone("b").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_else_at_the_address() {
    let (double, client) = with(EksOptions::default()).await;
    let visitor = visitor();
    client.create(&pod("a", visitor.public_key())).await;
    let before = double.wait_for("a", "Running").await;
    assert_eq!(visit(&visitor, &before, "true").await.0, 0);
    double.change_host_key("a").await;
    let after = double.pod("a");
    assert_ne!(before.host_key, after.host_key);
    let (code, _, err) = visit(&visitor, &before, "true").await;
    assert!(code == 255 && err.contains("Host key verification failed"), "{err}");
    assert_eq!(visit(&visitor, &after, "true").await.0, 0);
}
