//! Pods that do not come to run.

use std::time::Duration;

use fargate_test_support::eks::{EksOptions, PodDelays, PodEnd, PodFault, TaskProgram};
use serde_json::{Value, json};

use crate::client::{Client, pod, with, words};

fn scheduled(pod: &Value) -> Option<&Value> {
    let conditions = pod["status"]["conditions"].as_array()?;
    conditions.iter().find(|condition| condition["type"] == "PodScheduled")
}

fn waits_for(reason: &str) -> impl Fn(&Value) -> bool {
    move |pod| pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] == reason
}

/// Reason and message of every event of a pod, once there are some.
async fn events(client: &Client, name: &str) -> Vec<(String, String)> {
    let path = format!("/api/v1/namespaces/ci/events?fieldSelector=involvedObject.name%3D{name}");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let list = client.until_at(&path, |list| list["items"] != json!([])).await;
    let items = list["items"].as_array().unwrap();
    items.iter().map(|event| (text(&event["reason"]), text(&event["message"]))).collect()
}

#[tokio::test]
async fn every_state_is_seen_on_the_way() {
    let pause = Duration::from_millis(300);
    let (_double, client) = with(EksOptions {
        program: TaskProgram::None,
        delays: PodDelays { scheduling: pause, creating: pause, ..PodDelays::default() },
        ..EksOptions::default()
    })
    .await;
    let made = client.create(&pod("a", "key")).await;
    assert_eq!(made["spec"].get("nodeName"), None);
    let creating = client.until("a", waits_for("ContainerCreating")).await;
    assert_eq!(creating["status"]["phase"], "Pending");
    assert_eq!(creating["status"].get("podIP"), None);
    assert_eq!(scheduled(&creating).unwrap()["status"], "True");
    let capacity = &creating["metadata"]["annotations"]["CapacityProvisioned"];
    assert_eq!(capacity, "0.25vCPU 0.5GB");
    assert!(creating["spec"]["nodeName"].as_str().unwrap().starts_with("fargate-ip-127-"));
    let running = client.until("a", |pod| pod["status"]["phase"] == "Running").await;
    assert!(running["status"]["podIP"].as_str().unwrap().starts_with("127."));
    assert_eq!(running["status"]["podIPs"][0]["ip"], running["status"]["podIP"]);
    let container = &running["status"]["containerStatuses"][0];
    assert_eq!((&container["name"], &container["ready"]), (&json!("ci-coordinator"), &json!(true)));
    assert!(container["state"]["running"]["startedAt"].is_string());
}

#[tokio::test]
async fn never_scheduled() {
    let (double, client) = words().await;
    double.inject_pod(PodFault::no_matching_profile());
    client.create(&pod("a", "key")).await;
    let waiting = client.until("a", |pod| scheduled(pod).is_some()).await;
    let condition = scheduled(&waiting).unwrap();
    assert_eq!(
        (&condition["status"], &condition["reason"]),
        (&json!("False"), &json!("Unschedulable"))
    );
    assert!(condition["message"].as_str().unwrap().contains("no matching profile"));
    let all = events(&client, "a").await;
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].0, "FailedScheduling");
    assert!(all[0].1.contains("no matching profile"));

    // So is a pod that really matches none.
    let path = "/api/v1/namespaces/unmatched/pods";
    let made = client.call("POST", path, &pod("b", "key")).await;
    assert_eq!(made["spec"]["schedulerName"], "default-scheduler");
    let waiting = client.until_at(&format!("{path}/b"), |pod| scheduled(pod).is_some()).await;
    let message = &scheduled(&waiting).unwrap()["message"];
    assert_eq!(message, "no nodes available to schedule pods");
}

#[tokio::test]
async fn scheduled_in_spite_of_what_was_said() {
    let (double, client) = words().await;
    double.inject_pod(PodFault::provisioning_timed_out(Duration::from_millis(100)));
    client.create(&pod("a", "key")).await;
    double.wait_for("a", "Running").await;
    let all = events(&client, "a").await;
    assert!(all.iter().any(|(reason, _)| reason == "FailedScheduling"), "{all:?}");
    assert_eq!(scheduled(&client.pod("a").await).unwrap()["status"], "True");
}

#[tokio::test]
async fn an_image_that_cannot_be_pulled() {
    let (double, client) = words().await;
    double.inject_pod(PodFault::cannot_pull());
    client.create(&pod("a", "key")).await;
    // It goes to and fro.
    for reason in ["ErrImagePull", "ImagePullBackOff", "ErrImagePull"] {
        let waiting = client.until("a", waits_for(reason)).await;
        assert_eq!(waiting["status"]["phase"], "Pending");
        let message = &waiting["status"]["containerStatuses"][0]["state"]["waiting"]["message"];
        assert!(message.as_str().unwrap().contains("not found"), "{message}");
    }
    let failed = events(&client, "a").await.into_iter().find(|(reason, _)| reason == "Failed");
    assert!(failed.unwrap().1.starts_with("Failed to pull image \"registry.example.com/ci:1\""));
    client.delete("a").await;
    double.wait_gone("a").await;
}

#[tokio::test]
async fn a_registrys_answer_that_is_in_an_event_alone() {
    let (double, client) = words().await;
    double.inject_pod(PodFault::CannotPullQuietly { message: "denied".to_owned() });
    client.create(&pod("a", "key")).await;
    let waiting = client.until("a", waits_for("ImagePullBackOff")).await;
    let message = &waiting["status"]["containerStatuses"][0]["state"]["waiting"]["message"];
    assert_eq!(message, "Back-off pulling image \"registry.example.com/ci:1\"");
    let failed = "/api/v1/namespaces/ci/events?fieldSelector=reason%3DFailed";
    let says =
        |list: &Value| list["items"].to_string().contains("registry.example.com/ci:1\\\": denied");
    client.until_at(failed, says).await;
}

#[tokio::test]
async fn a_profile_that_is_not_active_takes_no_pod() {
    let mut options = EksOptions { program: TaskProgram::None, ..EksOptions::default() };
    options.profiles[0].status = "DELETING".to_owned();
    let (_double, client) = with(options).await;
    let created = client.create(&pod("a", "key")).await;
    assert_eq!(created["spec"]["schedulerName"], "default-scheduler");
}

#[tokio::test]
async fn a_container_that_cannot_be_made() {
    let (double, client) = words().await;
    double.inject_pod(PodFault::cannot_configure());
    client.create(&pod("a", "key")).await;
    let waiting = client.until("a", waits_for("CreateContainerConfigError")).await;
    let message = &waiting["status"]["containerStatuses"][0]["state"]["waiting"]["message"];
    assert_eq!(message, "secret \"registry-token\" not found");

    double.inject_pod(PodFault::EndsWhileCreating(PodEnd::evicted()));
    client.create(&pod("b", "key")).await;
    let ended = client.until("b", |pod| pod["status"]["phase"] == "Failed").await;
    assert_eq!(ended["status"]["reason"], "Evicted");

    double.inject_pod(PodFault::NoAddress);
    client.create(&pod("c", "key")).await;
    double.wait_for("c", "Running").await;
    assert_eq!(client.pod("c").await["status"].get("podIP"), None);
}
