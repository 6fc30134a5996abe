//! Calls go wrong when they are told to.

use std::time::{Duration, Instant};

use fargate_test_support::eks::{Fault, Trouble};
use serde_json::{Value, json};

use crate::client::{PODS, pod, pod_path, words};

#[tokio::test]
async fn refusals() {
    let (double, client) = words().await;
    let quota = "pods \"a\" is forbidden: exceeded quota: ci, requested: pods=1, used: pods=9, \
                 limited: pods=9";
    let cases = [
        (Trouble::Unauthorized, 401, "Unauthorized", "Unauthorized"),
        (
            Trouble::Forbidden,
            403,
            "Forbidden",
            "pods is forbidden: User \"ci\" cannot create resource \"pods\" in API group \"\" in \
             the namespace \"ci\"",
        ),
        (
            Trouble::Conflict,
            409,
            "Conflict",
            "Operation cannot be fulfilled on pods \"a\": the object has been modified; please \
             apply your changes to the latest version and try again",
        ),
        (
            Trouble::ServerError,
            500,
            "InternalError",
            "Internal error occurred: etcdserver: request timed out",
        ),
        (
            Trouble::Unavailable,
            503,
            "ServiceUnavailable",
            "the server is currently unable to handle the request",
        ),
        (
            Trouble::Status { code: 403, reason: "Forbidden", message: quota.to_owned() },
            403,
            "Forbidden",
            quota,
        ),
    ];
    for (trouble, code, reason, message) in cases {
        double.inject(Fault::new("create", "pods", trouble));
        let status = client.refused("POST", PODS, &pod("a", "key")).await;
        assert_eq!(
            (status["code"].as_u64(), status["reason"].as_str(), status["message"].as_str()),
            (Some(code), Some(reason), Some(message))
        );
    }
    assert_eq!(double.pods().len(), 0);
    double.inject(Fault::new("list", "pods", Trouble::Expired));
    assert_eq!(client.refused("GET", PODS, &Value::Null).await["code"], 410);
    client.create(&pod("a", "key")).await;
    assert_eq!(double.calls()["create pods"], 7);
}

#[tokio::test]
async fn answers_that_are_no_status() {
    let (double, client) = words().await;
    double.inject(Fault::new("get", "pods", Trouble::Throttled { retry_after: Some(1) }));
    let answer = client.raw("GET", &pod_path("a"), &Value::Null).await.unwrap();
    assert_eq!((answer.status, answer.headers["retry-after"].to_str().unwrap()), (429, "1"));
    assert_eq!(answer.body, "Too many requests, please try again later.");
    double.inject(Fault::new("get", "pods", Trouble::BadGateway));
    let answer = client.raw("GET", &pod_path("a"), &Value::Null).await.unwrap();
    assert_eq!(answer.status, 502);
    assert!(answer.body.starts_with("<html>"));
}

#[tokio::test]
async fn which_calls_are_hit() {
    let (double, client) = words().await;
    client.create(&pod("a", "key")).await;
    double.inject(Fault::new("get", "pods", Trouble::ServerError).after(1).times(2));
    let mut codes = Vec::new();
    for _ in 0..4 {
        client.get(PODS).await;
        codes.push(client.raw("GET", &pod_path("a"), &Value::Null).await.unwrap().status);
    }
    assert_eq!(codes, [200, 500, 500, 200]);
    double.inject(Fault::new("get", "pods", Trouble::Forbidden).always());
    for _ in 0..3 {
        client.refused("GET", &pod_path("a"), &Value::Null).await;
    }
    double.clear_faults();
    client.pod("a").await;
}

#[tokio::test]
async fn a_cut_comes_before_or_after_the_effect() {
    let (double, client) = words().await;
    double.inject(Fault::new("create", "pods", Trouble::CutBefore));
    assert!(client.raw("POST", PODS, &pod("a", "key")).await.is_err());
    assert_eq!(double.pods().len(), 0);
    double.inject(Fault::new("create", "pods", Trouble::CutAfter));
    assert!(client.raw("POST", PODS, &pod("a", "key")).await.is_err());
    assert_eq!(double.pods().len(), 1);
    let status = client.refused("POST", PODS, &pod("a", "key")).await;
    assert_eq!(status["reason"], "AlreadyExists");

    double.wait_for("a", "Running").await;
    double.inject(Fault::new("delete", "pods", Trouble::CutAfter));
    assert!(client.raw("DELETE", &pod_path("a"), &json!(null)).await.is_err());
    double.wait_gone("a").await;
}

#[tokio::test]
async fn a_delay_holds_the_answer_back() {
    let (double, client) = words().await;
    let by = Duration::from_millis(300);
    double.inject(Fault::new("list", "pods", Trouble::Delay(by)));
    let start = Instant::now();
    client.get(PODS).await;
    assert!(start.elapsed() >= by);
}
