//! What containers have written, as CloudWatch Logs shows it.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::client::launch;
use crate::images::{Containers, script, with_fields};

/// A container that logs to the group "ci".
fn logging(name: &str, text: &str) -> Value {
    let options = json!({"awslogs-group": "ci", "awslogs-stream-prefix": "job"});
    let log = json!({"logDriver": "awslogs", "options": options});
    with_fields(script(name, text), json!({"logConfiguration": log, "essential": name == "main"}))
}

async fn events(world: &Containers, body: Value) -> Value {
    let answer = world.client.logs("GetLogEvents", &body).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    serde_json::from_str(&answer.body).unwrap()
}

/// Every line of a stream, oldest first, by turning pages back.
async fn lines(world: &Containers, stream: &str) -> Vec<String> {
    let body = json!({"logGroupName": "ci", "logStreamName": stream});
    let first = events(world, body.clone()).await;
    assert_eq!(first["events"], json!([]), "an answer may be empty");
    let mut token = first["nextBackwardToken"].clone();
    let mut lines = Vec::new();
    loop {
        let page = events(world, with_fields(body.clone(), json!({"nextToken": token}))).await;
        let messages = page["events"].as_array().unwrap().iter();
        let page_lines = messages.map(|one| one["message"].as_str().unwrap().to_owned());
        lines.splice(0..0, page_lines);
        if page["nextBackwardToken"] == token {
            return lines;
        }
        token = page["nextBackwardToken"].clone();
    }
}

/// The same, once there are that many.
async fn written(world: &Containers, stream: &str, count: usize) -> Vec<String> {
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        let lines = lines(world, stream).await;
        if lines.len() >= count {
            return lines;
        }
        assert!(Instant::now() < until, "only {lines:?}");
        sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_container_has_a_stream_and_variables_of_its_own() {
    let world = Containers::start().await;
    let aside = logging("aside", "for n in 1 2 3 4 5 6 7; do echo $WHO $n; done; exit 9");
    let main = logging("main", "echo $WHO; while :; do sleep 1; done");
    world.define(&[], json!([main, aside])).await;
    let mut request = launch("key");
    request["taskDefinition"] = "own".into();
    let variable = |who: &str| json!([{"name": "WHO", "value": who}]);
    request["overrides"] = json!({"containerOverrides": [
        {"name": "main", "environment": variable("job")},
        {"name": "aside", "environment": variable("service")},
    ]});
    let arn = world.client.run(request).await;
    world.double.wait_for(&arn, "RUNNING").await;
    let id = arn.rsplit('/').next().unwrap();
    let wanted: Vec<_> = (1..=7).map(|n| format!("service {n}")).collect();
    assert_eq!(written(&world, &format!("job/aside/{id}"), 7).await, wanted);
    assert_eq!(written(&world, &format!("job/main/{id}"), 1).await, ["job"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_is_not_there_is_told_from_its_group() {
    let world = Containers::start().await;
    let arn = world.run(&[], json!([logging("main", "echo here")])).await;
    world.stopped(&arn).await;
    for (group, stream, what) in [("ci", "job/main/0", "stream"), ("none", "job/main/0", "group")] {
        let body = json!({"logGroupName": group, "logStreamName": stream});
        let answer = world.client.logs("GetLogEvents", &body).await;
        let said: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!((answer.status, &said["__type"]), (400, &json!("ResourceNotFoundException")));
        assert_eq!(said["message"], format!("The specified log {what} does not exist."));
    }
    let id = arn.rsplit('/').next().unwrap();
    assert_eq!(lines(&world, &format!("job/main/{id}")).await, ["here"]);
    let body = json!({"logGroupName": "ci", "logStreamName": "x", "limit": 0});
    assert_eq!(world.client.logs("GetLogEvents", &body).await.status, 400);
}
