//! How running pods end.

use fargate_test_support::eks::{EksOptions, PodEnd};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::client::{alive, pod, visitor, with, words};

fn terminated(pod: &Value) -> &Value {
    &pod["status"]["containerStatuses"][0]["state"]["terminated"]
}

fn condition<'a>(pod: &'a Value, kind: &str) -> Option<&'a Value> {
    pod["status"]["conditions"].as_array()?.iter().find(|condition| condition["type"] == kind)
}

fn kill(pid: u32) {
    kill_process(Pid::from_raw(pid.cast_signed()).unwrap(), Signal::KILL).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_ends_ends_its_pod() {
    let (double, client) = with(EksOptions::default()).await;
    client.create(&pod("a", visitor().public_key())).await;
    let view = double.wait_for("a", "Running").await;
    kill(view.pid.unwrap());
    double.wait_for("a", "Failed").await;
    let ended = client.pod("a").await;
    assert_eq!(terminated(&ended)["exitCode"], 137);
    assert_eq!(terminated(&ended)["reason"], "Error");
    assert!(terminated(&ended)["finishedAt"].is_string());
    assert_eq!(ended["status"].get("reason"), None);
    assert_eq!(condition(&ended, "Ready").unwrap()["status"], "False");
    assert_eq!(double.running(), 0);
    // It stays until it is deleted, and then goes at once.
    client.delete("a").await;
    assert!(double.pod("a").gone);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_container_runs_on() {
    let (double, client) = with(EksOptions::default()).await;
    let mut two = pod("a", visitor().public_key());
    two["spec"]["containers"]
        .as_array_mut()
        .unwrap()
        .insert(0, json!({"name": "sidecar", "image": "registry.example.com/sidecar:1"}));
    client.create(&two).await;
    let view = double.wait_for("a", "Running").await;
    kill(view.pid.unwrap());
    let over = |pod: &Value| {
        pod["status"]["containerStatuses"][1]["state"]["terminated"]["exitCode"] == 137
    };
    let half = client.until("a", over).await;
    assert_eq!(half["status"]["phase"], "Running");
    assert!(half["status"]["containerStatuses"][0]["state"]["running"].is_object());
    client.delete("a").await;
    let gone = double.wait_gone("a").await;
    assert_eq!(gone.phase, "Failed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_is_started_again_where_that_is_the_policy() {
    let (double, client) = with(EksOptions::default()).await;
    let mut again = pod("a", visitor().public_key());
    again["spec"]["restartPolicy"] = "Always".into();
    client.create(&again).await;
    let view = double.wait_for("a", "Running").await;
    kill(view.pid.unwrap());
    let restarted = |pod: &Value| pod["status"]["containerStatuses"][0]["restartCount"] == 1;
    let waiting = client.until("a", restarted).await;
    assert_eq!(waiting["status"]["phase"], "Running");
    let status = &waiting["status"]["containerStatuses"][0];
    assert_eq!(status["state"]["waiting"]["reason"], "CrashLoopBackOff");
    assert_eq!(status["lastState"]["terminated"]["exitCode"], 137);
}

#[tokio::test(flavor = "multi_thread")]
async fn ended_from_outside_in_the_middle_of_a_command() {
    let (double, client) = with(EksOptions::default()).await;
    let visitor = visitor();
    let ends = [
        ("oom", PodEnd::oom_killed(), None, Some("OOMKilled")),
        ("evicted", PodEnd::evicted(), Some("Evicted"), None),
        ("shutdown", PodEnd::node_shutdown(), Some("Terminated"), None),
        ("old", PodEnd::old_node_shutdown(), Some("NodeShutdown"), None),
    ];
    for (name, end, reason, container) in ends {
        client.create(&pod(name, visitor.public_key())).await;
        let view = double.wait_for(name, "Running").await;
        let mut session = visitor.session(view.address, view.host_key.as_deref()).await;
        let ended = double.end_pod(name, end.clone()).await;
        assert_eq!(session.wait().await.unwrap().code(), Some(255));
        assert!(!alive(view.pid.unwrap()));
        assert_eq!((ended.phase.as_str(), ended.reason.as_deref()), ("Failed", reason));
        let ended = client.pod(name).await;
        assert_eq!(ended["status"]["message"].as_str(), end.message.as_deref());
        // Otherwise it is what the program made of being asked to end.
        if let Some(container) = container {
            assert_eq!(terminated(&ended)["reason"], container);
            assert_eq!(terminated(&ended)["exitCode"], 137);
        }
        let disrupted = condition(&ended, "DisruptionTarget").map(|one| one["reason"].clone());
        assert_eq!(disrupted, end.disruption.map(|(reason, _)| reason.into()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_ends_a_pod() {
    let (double, client) = with(EksOptions::default()).await;
    let mut short = pod("a", visitor().public_key());
    short["spec"]["activeDeadlineSeconds"] = 1.into();
    client.create(&short).await;
    let ended = double.wait_for("a", "Failed").await;
    assert_eq!(ended.reason.as_deref(), Some("DeadlineExceeded"));

    // It can be set, and lowered, later on.
    client.create(&pod("b", visitor().public_key())).await;
    let view = double.wait_for("b", "Running").await;
    client.patch("b", &json!({"spec": {"activeDeadlineSeconds": 600}})).await;
    client.patch("b", &json!({"spec": {"activeDeadlineSeconds": 1}})).await;
    let ended = double.wait_for("b", "Failed").await;
    assert_eq!(ended.reason.as_deref(), Some("DeadlineExceeded"));
    assert!(!alive(view.pid.unwrap()));
}

#[tokio::test]
async fn deleted_by_somebody_else() {
    let (double, client) = words().await;
    for name in ["a", "b"] {
        client.create(&pod(name, "key")).await;
        double.wait_for(name, "Running").await;
    }
    double.delete_pod("a");
    let gone = double.wait_gone("a").await;
    assert!(condition(&gone.json, "DisruptionTarget").is_none());
    double.evict_pod("b");
    let gone = double.wait_gone("b").await;
    let disrupted = condition(&gone.json, "DisruptionTarget").unwrap();
    assert_eq!(disrupted["reason"], "EvictionByEvictionAPI");
}
