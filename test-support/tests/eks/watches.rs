//! Watches.

use fargate_test_support::eks::{Fault, Trouble};
use fargate_test_support::http::Stream;
use serde_json::{Value, json};

use crate::client::{Client, PODS, next, pod, words};

async fn version(client: &Client) -> String {
    client.get(PODS).await["metadata"]["resourceVersion"].as_str().unwrap().to_owned()
}

/// The next event that is about this pod.
async fn next_of(stream: &mut Stream, name: &str) -> (String, Value) {
    loop {
        let (kind, object) = next(stream).await;
        if object["metadata"]["name"] == name {
            return (kind, object);
        }
    }
}

#[tokio::test]
async fn a_watch_tells_a_whole_life() {
    let (double, client) = words().await;
    let from = version(&client).await;
    let mut stream = client.watch(&format!("{PODS}?watch=true&resourceVersion={from}")).await;
    client.create(&pod("job-1", "key")).await;
    let (kind, first) = next(&mut stream).await;
    assert_eq!((kind.as_str(), first["status"]["phase"].as_str()), ("ADDED", Some("Pending")));
    let mut versions = vec![first["metadata"]["resourceVersion"].clone()];
    let mut told = Vec::new();
    loop {
        let (kind, pod) = next(&mut stream).await;
        versions.push(pod["metadata"]["resourceVersion"].clone());
        if pod["status"]["phase"] == "Running" && told.last().is_none_or(|last| last != "Running") {
            client.delete("job-1").await;
        }
        told.push(pod["status"]["phase"].as_str().unwrap().to_owned());
        if kind == "DELETED" {
            break;
        }
        assert_eq!(kind, "MODIFIED");
    }
    told.dedup();
    assert_eq!(told, ["Pending", "Running", "Failed"]);
    let numbers: Vec<u64> =
        versions.iter().map(|version| version.as_str().unwrap().parse().unwrap()).collect();
    assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");

    // The same again from the same version, for whoever comes later.
    let mut later = client.watch(&format!("{PODS}?watch=true&resourceVersion={from}")).await;
    assert_eq!(next(&mut later).await, ("ADDED".to_owned(), first));
    assert_eq!(double.calls()["watch pods"], 2);
}

#[tokio::test]
async fn a_watch_without_a_version_begins_with_what_is_there() {
    let (double, client) = words().await;
    client.create(&pod("a", "key")).await;
    client.create(&pod("b", "key")).await;
    double.wait_for("b", "Running").await;
    let mut stream = client
        .watch(&format!("{PODS}?watch=1&fieldSelector=metadata.name%3Db&allowWatchBookmarks=true&sendInitialEvents=true"))
        .await;
    let (kind, pod) = next(&mut stream).await;
    assert_eq!((kind.as_str(), pod["metadata"]["name"].as_str()), ("ADDED", Some("b")));
    let (kind, mark) = next(&mut stream).await;
    assert_eq!(kind, "BOOKMARK");
    assert_eq!(mark["metadata"]["annotations"]["k8s.io/initial-events-end"], "true");
    let (kind, mark) = next(&mut stream).await;
    assert_eq!((kind.as_str(), mark["kind"].as_str()), ("BOOKMARK", Some("Pod")));
    let known = mark["metadata"]["resourceVersion"].as_str().unwrap().to_owned();

    // A bookmark is a place to go on from.
    let mut stream = client.watch(&format!("{PODS}?watch=true&resourceVersion={known}")).await;
    client.patch("b", &json!({"metadata": {"labels": {"x": "y"}}})).await;
    let (kind, pod) = next_of(&mut stream, "b").await;
    assert_eq!((kind.as_str(), pod["metadata"]["labels"]["x"].as_str()), ("MODIFIED", Some("y")));
}

#[tokio::test]
async fn what_is_not_picked_any_more_is_gone() {
    let (double, client) = words().await;
    client.create(&pod("a", "key")).await;
    double.wait_for("a", "Running").await;
    let mut stream = client.watch(&format!("{PODS}?watch=true&labelSelector=owner%3Dme")).await;
    assert_eq!(next(&mut stream).await.0, "ADDED");
    client.patch("a", &json!({"metadata": {"labels": {"owner": "you"}}})).await;
    assert_eq!(next(&mut stream).await.0, "DELETED");
    client.patch("a", &json!({"metadata": {"labels": {"owner": "me"}}})).await;
    assert_eq!(next(&mut stream).await.0, "ADDED");
}

#[tokio::test]
async fn a_watch_ends_in_order() {
    let (double, client) = words().await;
    let mut stream = client.watch(&format!("{PODS}?watch=true&timeoutSeconds=1")).await;
    assert_eq!(stream.line().await.unwrap(), None);
    client.create(&pod("a", "key")).await;
    double.inject(Fault::new("watch", "pods", Trouble::EndWatch { after: 1 }));
    let mut stream = client.watch(&format!("{PODS}?watch=true")).await;
    assert_eq!(next(&mut stream).await.0, "ADDED");
    assert_eq!(stream.line().await.unwrap(), None);
}

#[tokio::test]
async fn a_watch_breaks() {
    let (double, client) = words().await;
    client.create(&pod("a", "key")).await;
    double.wait_for("a", "Running").await;
    double.inject(Fault::new("watch", "pods", Trouble::CutWatch { after: 1 }));
    let mut stream = client.watch(&format!("{PODS}?watch=true")).await;
    assert_eq!(next(&mut stream).await.0, "ADDED");
    assert!(stream.line().await.is_err());

    let mut stream = client.watch(&format!("{PODS}?watch=true")).await;
    assert_eq!(next(&mut stream).await.0, "ADDED");
    double.cut_connections();
    assert!(stream.line().await.is_err());
    assert_eq!(client.pod("a").await["status"]["phase"], "Running");
}

#[tokio::test]
async fn an_old_version_is_expired() {
    let (double, client) = words().await;
    client.create(&pod("a", "key")).await;
    double.wait_for("a", "Running").await;
    let from = version(&client).await;
    double.compact();
    let mut stream = client.watch(&format!("{PODS}?watch=true&resourceVersion={from}")).await;
    let (kind, status) = next(&mut stream).await;
    assert_eq!((kind.as_str(), status["code"].as_u64()), ("ERROR", Some(410)));
    assert_eq!(status["reason"], "Expired");
    assert_eq!(stream.line().await.unwrap(), None);

    double.inject(Fault::new("watch", "pods", Trouble::Expired));
    let mut stream = client.watch(&format!("{PODS}?watch=true")).await;
    assert_eq!(next(&mut stream).await.0, "ERROR");

    double.inject(Fault::new("watch", "pods", Trouble::ExpireWatch { after: 1 }));
    let mut stream = client.watch(&format!("{PODS}?watch=true")).await;
    assert_eq!(next(&mut stream).await.0, "ADDED");
    assert_eq!(next(&mut stream).await.0, "ERROR");
}

#[tokio::test]
async fn events_of_one_pod() {
    let (double, client) = words().await;
    let events = "/api/v1/namespaces/ci/events";
    let mine = "fieldSelector=involvedObject.name%3Da,involvedObject.kind%3DPod";
    let mut stream = client.watch(&format!("{events}?watch=true&{mine}")).await;
    client.create(&pod("other", "key")).await;
    client.create(&pod("a", "key")).await;
    let mut reasons = Vec::new();
    while reasons.last().is_none_or(|last| last != "Started") {
        let (_, event) = next(&mut stream).await;
        assert_eq!(event["involvedObject"]["name"], "a");
        reasons.push(event["reason"].as_str().unwrap().to_owned());
    }
    assert_eq!(reasons, ["LoggingDisabled", "Scheduled", "Started"]);
    double.wait_for("a", "Running").await;
    let list = client.get(&format!("{events}?{mine}")).await;
    assert_eq!(list["items"].as_array().unwrap().len(), 3);
}
