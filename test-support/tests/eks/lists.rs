//! Lists.

use serde_json::json;

use crate::client::{Client, PODS, pod, words};

async fn names(client: &Client, path: &str) -> Vec<String> {
    let list = client.get(path).await;
    assert_eq!(list["kind"], "PodList");
    let items = list["items"].as_array().unwrap();
    items.iter().map(|pod| pod["metadata"]["name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn selectors_pick() {
    let (double, client) = words().await;
    for (name, owner) in [("a", "me"), ("b", "you"), ("c", "me")] {
        let mut pod = pod(name, "key");
        pod["metadata"]["labels"]["owner"] = owner.into();
        client.create(&pod).await;
    }
    double.wait_for("b", "Running").await;
    assert_eq!(names(&client, PODS).await, ["a", "b", "c"]);
    for (query, wanted) in [
        ("labelSelector=owner%3Dme", vec!["a", "c"]),
        ("labelSelector=owner+in+(you,them)", vec!["b"]),
        ("labelSelector=owner%3Dme,!other&fieldSelector=metadata.name%3Dc", vec!["c"]),
        ("labelSelector=owner%3Dnobody", vec![]),
        ("fieldSelector=status.phase%3DFailed", vec![]),
    ] {
        assert_eq!(names(&client, &format!("{PODS}?{query}")).await, wanted, "{query}");
    }
    assert_eq!(names(&client, "/api/v1/namespaces/nowhere/pods").await.len(), 0);
    assert_eq!(names(&client, "/api/v1/pods").await.len(), 3);
    let wrong = format!("{PODS}?fieldSelector=spec.colour%3Dblue");
    assert_eq!(client.refused("GET", &wrong, &json!(null)).await["reason"], "BadRequest");
}

#[tokio::test]
async fn pages() {
    let (_double, client) = words().await;
    for name in ["a", "b", "c", "d", "e"] {
        client.create(&pod(name, "key")).await;
    }
    let mut seen = Vec::new();
    let mut more = String::new();
    loop {
        let page = client.get(&format!("{PODS}?limit=2&continue={more}")).await;
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 2);
        seen.extend(items.iter().map(|pod| pod["metadata"]["name"].clone()));
        match page["metadata"]["continue"].as_str() {
            Some(next) => more = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(seen, ["a", "b", "c", "d", "e"]);
    let wrong = format!("{PODS}?continue=%25");
    assert_eq!(client.refused("GET", &wrong, &json!(null)).await["code"], 400);
}

#[tokio::test]
async fn many_are_deleted_at_once() {
    let (_double, client) = words().await;
    let path = "/api/v1/namespaces/ci/configmaps";
    for (name, day) in [("a", "1"), ("b", "2"), ("c", "3")] {
        let map = json!({"apiVersion": "v1", "kind": "ConfigMap",
                         "metadata": {"name": name, "labels": {"example.com/day": day}}});
        client.call("POST", path, &map).await;
    }
    let old = format!("{path}?labelSelector=example.com/day,example.com/day+notin+(2,3)");
    let deleted = client.call("DELETE", &old, &json!(null)).await;
    assert_eq!(deleted["items"].as_array().unwrap().len(), 1);
    let left = client.get(path).await;
    let left: Vec<_> =
        left["items"].as_array().unwrap().iter().map(|map| &map["metadata"]["name"]).collect();
    assert_eq!(left, ["b", "c"]);
}
