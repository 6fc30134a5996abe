//! The moto runner prepares what a launch needs.

use fargate_test_support::moto::Moto;
use serde_json::json;

#[tokio::test]
async fn a_task_can_be_started_and_stays() {
    let moto = Moto::start().await;
    let request = json!({
        "cluster": moto.cluster(), "taskDefinition": moto.task_definition(), "count": 1,
        "launchType": "FARGATE", "startedBy": "runner-1",
        "networkConfiguration": {"awsvpcConfiguration": {
            "subnets": [moto.subnet()], "securityGroups": [moto.security_group()],
        }},
    });
    let started = moto.ecs("RunTask", request).await;
    let arn = &started["tasks"][0]["taskArn"];
    assert!(arn.as_str().unwrap().starts_with("arn:aws:ecs:eu-central-1:"), "{started}");
    // Looking at it does not age it.
    for _ in 0..6 {
        let body = json!({"cluster": moto.cluster(), "tasks": [arn]});
        let described = moto.ecs("DescribeTasks", body).await;
        assert_eq!(described["tasks"][0]["lastStatus"], "RUNNING");
    }
}
