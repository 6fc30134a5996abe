//! Creating, showing and deleting.

use fargate_test_support::http::request;
use serde_json::{Value, json};

use crate::client::{PODS, pod, pod_path, words};

#[tokio::test]
async fn only_the_token_lets_in() {
    let (double, client) = words().await;
    let pods = format!("{}{PODS}", double.url());
    for authorization in ["Bearer wrong", "Basic Y2k6Y2k=", "Bearer k8s-aws-v1.bm8"] {
        let headers = [("authorization", authorization)];
        let answer = request("GET", &pods, &headers, String::new()).await.unwrap();
        assert_eq!(answer.status, 401);
        let status: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(status["reason"], "Unauthorized");
        assert_eq!(status["kind"], "Status");
    }
    let version = format!("{}/version", double.url());
    let answer = request("GET", &version, &[], String::new()).await.unwrap();
    assert_eq!(answer.status, 200);
    assert_eq!(client.get("/version").await["major"], "1");
    assert_eq!(client.get("/api/v1/namespaces/ci").await["status"]["phase"], "Active");
    let text = std::fs::read_to_string(double.kubeconfig()).unwrap();
    assert!(text.contains(&double.url()) && text.contains(double.token()));
}

#[tokio::test]
async fn a_server_fills_in_what_is_missing() {
    let (double, client) = words().await;
    let mut request = pod("job-1", "key");
    request["spec"].as_object_mut().unwrap().remove("restartPolicy");
    let made = client.create(&request).await;
    let metadata = &made["metadata"];
    assert_eq!(metadata["namespace"], "ci");
    assert_eq!(metadata["uid"].as_str().unwrap().len(), 36);
    assert!(metadata["resourceVersion"].as_str().unwrap().parse::<u64>().unwrap() > 1);
    assert!(metadata["creationTimestamp"].as_str().unwrap().ends_with('Z'));
    assert_eq!(metadata["labels"]["eks.amazonaws.com/fargate-profile"], "ci-profile");
    let spec = &made["spec"];
    assert_eq!(spec["restartPolicy"], "Always");
    assert_eq!(spec["schedulerName"], "fargate-scheduler");
    assert_eq!(spec["serviceAccountName"], "default");
    let container = &spec["containers"][0];
    assert_eq!(container["imagePullPolicy"], "IfNotPresent");
    let resources = json!({"cpu": "250m", "memory": "256Mi"});
    assert_eq!(container["resources"]["requests"], resources);
    assert_eq!(made["status"], json!({"phase": "Pending", "qosClass": "Guaranteed"}));

    let view = double.pod("job-1");
    assert_eq!((view.namespace.as_str(), view.labels["owner"].as_str()), ("ci", "me"));
    assert_eq!((view.env["COLOUR"].as_str(), view.env["SSH_PUBLIC_KEY"].as_str()), ("blue", "key"));
    assert_eq!(double.calls()["create pods"], 1);
    assert_eq!(double.requests("create pods"), [request]);
    assert_eq!(double.running(), 1);
}

#[tokio::test]
async fn what_a_server_refuses() {
    let (double, client) = words().await;
    client.create(&pod("job-1", "key")).await;
    let cases = [
        (PODS, pod("job-1", "key"), 409, "AlreadyExists", "pods \"job-1\" already exists"),
        (PODS, pod("Job_2", "key"), 422, "Invalid", "metadata.name: Invalid value: \"Job_2\""),
        (PODS, pod(&"x".repeat(64), "key"), 422, "Invalid", "no more than 63 characters"),
        (PODS, pod("", "key"), 422, "Invalid", "name or generateName is required"),
        (
            "/api/v1/namespaces/nowhere/pods",
            pod("job-2", "key"),
            404,
            "NotFound",
            "namespaces \"nowhere\" not found",
        ),
        (PODS, json!({"kind": "Job", "apiVersion": "v1"}), 400, "BadRequest", "(Job)"),
        ("/api/v1/namespaces/ci/jobs", pod("j", "key"), 404, "NotFound", "could not find"),
        ("/api/v1/namespaces/ci/events", pod("j", "key"), 405, "MethodNotAllowed", "method"),
    ];
    for (path, body, code, reason, message) in cases {
        let status = client.refused("POST", path, &body).await;
        assert_eq!(
            (status["code"].as_u64(), status["reason"].as_str()),
            (Some(code), Some(reason))
        );
        assert!(status["message"].as_str().unwrap().contains(message), "{status}");
    }
    let mut elsewhere = pod("job-2", "key");
    elsewhere["metadata"]["namespace"] = "default".into();
    assert_eq!(client.refused("POST", PODS, &elsewhere).await["code"], 400);
    let mut account = pod("job-2", "key");
    account["spec"]["serviceAccountName"] = "nobody".into();
    let status = client.refused("POST", PODS, &account).await;
    let message = status["message"].as_str().unwrap();
    assert!(message.contains("error looking up service account ci/nobody"), "{message}");
    assert_eq!(status["reason"], "Forbidden");

    let status = client.refused("GET", &pod_path("job-9"), &Value::Null).await;
    assert_eq!(status["message"], "pods \"job-9\" not found");
    assert_eq!(status["details"], json!({"name": "job-9", "kind": "pods"}));
    assert_eq!(client.refused("DELETE", &pod_path("job-9"), &Value::Null).await["code"], 404);
    assert_eq!(double.pods().len(), 1);
}

#[tokio::test]
async fn a_deleted_pod_ends_and_goes() {
    let (double, client) = words().await;
    client.create(&pod("job-1", "key")).await;
    double.wait_for("job-1", "Running").await;
    let wrong = json!({"preconditions": {"uid": "another"}});
    let status = client.refused("DELETE", &pod_path("job-1"), &wrong).await;
    assert_eq!(status["reason"], "Conflict");
    let uid = double.pod("job-1").uid;
    let options = json!({"gracePeriodSeconds": 3, "preconditions": {"uid": uid}});
    let going = client.call("DELETE", &pod_path("job-1"), &options).await;
    assert!(going["metadata"]["deletionTimestamp"].is_string());
    assert_eq!(going["metadata"]["deletionGracePeriodSeconds"], 3);
    let gone = double.wait_gone("job-1").await;
    assert_eq!(gone.phase, "Failed");
    assert_eq!(client.refused("GET", &pod_path("job-1"), &Value::Null).await["code"], 404);
    assert_eq!(double.running(), 0);

    // The name is free again, and what comes is another pod.
    let again = client.create(&pod("job-1", "key")).await;
    assert_ne!(again["metadata"]["uid"], uid);
    assert_eq!(double.pods().len(), 2);
}

#[tokio::test]
async fn nothing_is_waited_for_where_nothing_runs() {
    let (double, client) = words().await;
    let mut unmatched = pod("job-1", "key");
    unmatched["metadata"]["namespace"] = "unmatched".into();
    let path = "/api/v1/namespaces/unmatched/pods";
    client.call("POST", path, &unmatched).await;
    client.call("DELETE", &format!("{path}/job-1"), &Value::Null).await;
    assert!(double.pod("job-1").gone);

    client.create(&pod("job-2", "key")).await;
    double.wait_for("job-2", "Running").await;
    let now = json!({"gracePeriodSeconds": 0});
    client.call("DELETE", &pod_path("job-2"), &now).await;
    assert!(double.pod("job-2").gone);
}
