//! Patches, replacements, finalizers.

use serde_json::{Value, json};

use crate::client::{PODS, pod, pod_path, words};

#[tokio::test]
async fn what_may_be_changed() {
    let (double, client) = words().await;
    let made = client.create(&pod("job-1", "key")).await;
    double.wait_for("job-1", "Running").await;
    let patched = client
        .patch(
            "job-1",
            &json!({"metadata": {"labels": {"x": "y"}}, "spec": {"activeDeadlineSeconds": 600}}),
        )
        .await;
    assert_eq!(patched["metadata"]["labels"], {
        let mut labels = made["metadata"]["labels"].clone();
        labels["x"] = "y".into();
        labels
    });
    assert_eq!(patched["metadata"]["uid"], made["metadata"]["uid"]);
    assert_ne!(patched["metadata"]["resourceVersion"], made["metadata"]["resourceVersion"]);

    let merge = "application/merge-patch+json";
    for (patch, code, said) in [
        (json!({"spec": {"activeDeadlineSeconds": 601}}), 422, "less than or equal"),
        (json!({"spec": {"restartPolicy": "Always"}}), 422, "pod updates may not change fields"),
        (json!({"metadata": {"resourceVersion": "1"}}), 409, "the object has been modified"),
        (json!({"metadata": {"finalizers": ["plain"]}}), 422, "fully qualified"),
    ] {
        let answer = client.typed("PATCH", &pod_path("job-1"), merge, &patch).await.unwrap();
        assert_eq!(answer.status, code, "{}", answer.body);
        assert!(answer.body.contains(said), "{}", answer.body);
    }
    // The status is the kubelet's alone.
    let patched = client.patch("job-1", &json!({"status": {"phase": "Failed"}})).await;
    assert_eq!(patched["status"]["phase"], "Running");

    let mut whole = patched;
    whole["metadata"]["labels"]["x"] = "z".into();
    let written = client.call("PUT", &pod_path("job-1"), &whole).await;
    assert_eq!(written["metadata"]["labels"]["x"], "z");
    assert_eq!(client.refused("PUT", &pod_path("job-1"), &whole).await["reason"], "Conflict");
}

#[tokio::test]
async fn a_finalizer_keeps_a_pod() {
    let (double, client) = words().await;
    let mut held = pod("job-1", "key");
    held["metadata"]["finalizers"] = json!(["example.com/held"]);
    client.create(&held).await;
    double.wait_for("job-1", "Running").await;
    client.delete("job-1").await;
    let held = client.until("job-1", |pod| pod["status"]["phase"] == "Failed").await;
    assert!(held["metadata"]["deletionTimestamp"].is_string());
    let status = client.refused("POST", PODS, &pod("job-1", "key")).await;
    assert_eq!(status["message"], "object is being deleted: pods \"job-1\" already exists");
    client.delete("job-1").await;
    assert!(!double.pod("job-1").gone);
    client.patch("job-1", &json!({"metadata": {"finalizers": null}})).await;
    double.wait_gone("job-1").await;
}

#[tokio::test]
async fn config_maps() {
    let (_double, client) = words().await;
    let path = "/api/v1/namespaces/ci/configmaps";
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "mark"},
                     "data": {"stopped": "true"}});
    client.call("POST", path, &map).await;
    assert_eq!(client.refused("POST", path, &map).await["reason"], "AlreadyExists");
    let one = format!("{path}/mark");
    assert_eq!(client.get(&one).await["data"], map["data"]);
    client.call("DELETE", &one, &Value::Null).await;
    assert_eq!(client.refused("GET", &one, &Value::Null).await["code"], 404);
}
