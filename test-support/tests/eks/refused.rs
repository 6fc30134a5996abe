//! Commands and ports that are refused.

use fargate_test_support::eks::{EksOptions, Fault, PodFault, StreamOptions, Trouble};
use serde_json::{Value, json};

use crate::client::{PODS, pod, pod_path, words};
use crate::socket::{Socket, V4, V5, command, exec_path, idle};

/// The `Status` of a refusal.
fn status((code, body): &(u16, String)) -> Value {
    let status: Value = serde_json::from_str(body).expect("a status");
    assert_eq!((&status["kind"], &status["code"]), (&json!("Status"), &json!(code)));
    status
}

#[tokio::test]
async fn only_the_token_lets_in() {
    let (double, client) = words().await;
    let path = exec_path("a", &["true"]);
    let refused = Socket::open_as(&client, "Bearer wrong", &path, V5).await.unwrap().err();
    assert_eq!(status(&refused.unwrap())["reason"], "Unauthorized");
    assert_eq!(double.calls()["get pods/exec"], 1);
}

#[tokio::test]
async fn a_role_may_lack_one_verb_or_the_other() {
    let streams = StreamOptions { needs_create: true, ..StreamOptions::default() };
    let (double, client) = idle(EksOptions { streams, ..command() }).await;
    for (path, resource) in [
        (exec_path("a", &["true"]), "pods/exec"),
        (format!("{}/portforward?ports=22", pod_path("a")), "pods/portforward"),
    ] {
        double.inject(Fault::new("get", resource, Trouble::Forbidden));
        let refused = status(&Socket::open(&client, &path, V4).await.err().unwrap());
        let message = format!(
            "pods \"a\" is forbidden: User \"ci\" cannot get resource \"{resource}\" in API group \
             \"\" in the namespace \"ci\""
        );
        assert_eq!((&refused["message"], &refused["code"]), (&json!(message), &json!(403)));

        double.inject(Fault::new("create", resource, Trouble::Forbidden));
        let refused = status(&Socket::open(&client, &path, V4).await.err().unwrap());
        assert_eq!(refused["message"], "pods \"a\" is forbidden: ");
        assert_eq!(refused["details"], json!({"name": "a", "kind": "pods"}));
        assert!(Socket::open(&client, &path, V4).await.is_ok());
    }
    // An older server does not ask for the second verb.
    let (double, client) = idle(command()).await;
    double.inject(Fault::new("create", "pods/exec", Trouble::Forbidden));
    assert!(Socket::open(&client, &exec_path("a", &["true"]), V5).await.is_ok());
}

#[tokio::test]
async fn trouble_comes_before_the_websocket() {
    let (double, client) = idle(command()).await;
    let path = exec_path("a", &["true"]);
    for (trouble, code) in [
        (Trouble::Throttled { retry_after: Some(1) }, 429),
        (Trouble::ServerError, 500),
        (Trouble::BadGateway, 502),
        (Trouble::Unavailable, 503),
        (Trouble::Unauthorized, 401),
    ] {
        double.inject(Fault::new("get", "pods/exec", trouble));
        assert_eq!(Socket::open(&client, &path, V5).await.err().unwrap().0, code);
    }
    assert_eq!(Socket::open(&client, &path, V5).await.unwrap().ended().await.code(), 0);
    assert_eq!(double.calls()["get pods/exec"], 6);
}

#[tokio::test]
async fn what_is_no_websocket_is_refused() {
    let (double, client) = idle(command()).await;
    let path = exec_path("a", &["true"]);
    for (method, call) in [("GET", "get pods/exec"), ("POST", "create pods/exec")] {
        let status = client.refused(method, &path, &Value::Null).await;
        assert_eq!(status["message"], "Upgrade request required");
        assert_eq!(double.calls()[call], 1);
    }
    assert_eq!(client.refused("DELETE", &path, &Value::Null).await["code"], 405);
    let unknown = format!("{}/attach", pod_path("a"));
    assert_eq!(client.refused("GET", &unknown, &Value::Null).await["code"], 404);
    let refused = Socket::open(&client, &path, "channel.k8s.io").await.err();
    assert_eq!(refused, Some((403, String::new())));
}

#[tokio::test]
async fn a_pod_or_a_container_is_not_there() {
    let (double, client) = words().await;
    let refused = Socket::open(&client, &exec_path("a", &["true"]), V5).await.err().unwrap();
    assert_eq!(status(&refused)["message"], "pods \"a\" not found");

    let mut two = pod("a", "key");
    let containers = two["spec"]["containers"].as_array_mut().unwrap();
    containers.push(json!({"name": "sidecar", "image": "registry.example.com/sidecar:1"}));
    client.create(&two).await;
    double.wait_for("a", "Running").await;
    let path = exec_path("a", &["true"]);
    for (path, message) in [
        (
            path.clone(),
            "a container name must be specified for pod a, choose one of: [ci-coordinator sidecar]",
        ),
        (format!("{path}&container=nope"), "container nope is not valid for pod a"),
    ] {
        let refused = Socket::open(&client, &path, V5).await.err().unwrap();
        let refused = status(&refused);
        assert_eq!((&refused["code"], &refused["message"]), (&json!(400), &json!(message)));
    }
}

#[tokio::test]
async fn a_pod_that_does_not_run() {
    let (double, client) = words().await;
    let port = |name: &str| format!("{}/portforward?ports=22", pod_path(name));
    double.inject_pod(PodFault::no_capacity());
    client.create(&pod("unplaced", "key")).await;
    for path in [exec_path("unplaced", &["true"]), port("unplaced")] {
        let refused = status(&Socket::open(&client, &path, V4).await.err().unwrap());
        assert_eq!(refused["message"], "pod unplaced does not have a host assigned");
        assert_eq!(refused["code"], 400);
    }

    double.inject_pod(PodFault::StaysCreating);
    client.create(&pod("created", "key")).await;
    client.until("created", |pod| pod["spec"]["nodeName"].is_string()).await;
    // With v5 the server has switched by the time it asks the kubelet.
    let path = exec_path("created", &["true"]);
    let told = Socket::open(&client, &path, V5).await.unwrap().ended().await.status;
    let why = "container not found (\"ci-coordinator\")";
    assert_eq!(
        told["message"],
        format!("Internal error occurred: unable to upgrade connection: {why}")
    );
    assert_eq!((&told["reason"], &told["code"]), (&json!("InternalError"), &json!(500)));
    let refused = Socket::open(&client, &path, V4).await.err();
    assert_eq!(refused, Some((500, why.to_owned())));
    let refused = Socket::open(&client, &port("created"), V4).await.err();
    assert_eq!(refused, Some((500, "pod not found (\"created_ci\")".to_owned())));
    assert_eq!(client.get(PODS).await["items"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_command_without_any_stream() {
    let (_double, client) = idle(command()).await;
    let path = format!("{}/exec?command=true", pod_path("a"));
    let why = "you must specify at least 1 of stdin, stdout, stderr";
    let refused = Socket::open(&client, &path, V4).await.err();
    assert_eq!(refused, Some((400, why.to_owned())));
    let told = Socket::open(&client, &path, V5).await.unwrap().ended().await.status;
    assert!(told["message"].as_str().unwrap().ends_with(why), "{told}");
}
