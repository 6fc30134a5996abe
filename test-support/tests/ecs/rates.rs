//! Token buckets over HTTP.

use fargate_test_support::ecs::{EcsOptions, RateLimits, TaskProgram};
use serde_json::json;

use crate::client::with;

#[tokio::test]
async fn an_empty_bucket_throttles_and_fills_again() {
    let (double, client) = with(EcsOptions {
        program: TaskProgram::None,
        rate_limits: Some(RateLimits::only("ListTasks", 3.0, 0.5)),
        ..EcsOptions::default()
    })
    .await;
    let body = json!({"cluster": "test-cluster"});
    for _ in 0..3 {
        client.ecs("ListTasks", body.clone()).await;
    }
    let (status, kind, message) = client.refused("ListTasks", body.clone()).await;
    assert_eq!((status, &*kind, &*message), (400, "ThrottlingException", "Rate exceeded"));
    // Another operation has a bucket of its own.
    client.ecs("ListClusters", json!({})).await;
    while client.raw("ListTasks", &body).await.unwrap().status != 200 {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert!(double.calls()["ListTasks"] >= 6);
}
