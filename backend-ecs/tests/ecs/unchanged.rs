//! Without an agent, RunTask is asked for what it was always asked for.

use fargate_core::{TaskImage, TaskKey, TaskLauncher, TaskSpec};
use serde_json::json;

use crate::bench::{KEY, api_double, config, launcher};

#[tokio::test]
async fn without_an_agent_run_task_is_asked_for_what_it_always_was() {
    let double = api_double().await;
    let mut config = config();
    config.tags.insert("team".to_owned(), "build".to_owned());
    config.cpu = Some("512".to_owned());
    config.memory = Some("1024".to_owned());
    let name = |text: &str| TaskKey::new(text).unwrap();
    let spec = TaskSpec::new(name("job-1-a"), name("job-1"), KEY).label("gitlab:job-id", "7");
    // What ECS cannot override is no part of it either.
    for spec in [spec.clone(), spec.image(TaskImage::new("alpine:3").entrypoint(["/init"]))] {
        launcher(&double, config.clone()).await.launch(&spec).await.unwrap();
    }
    let wanted = json!({
        "clientToken": "job-1-a",
        "cluster": "test-cluster",
        "count": 1,
        "networkConfiguration": {"awsvpcConfiguration": {
            "assignPublicIp": "DISABLED",
            "securityGroups": ["sg-0a1b2c3d4e5f60001"],
            "subnets": ["subnet-0a1b2c3d4e5f60001"],
        }},
        "overrides": {
            "containerOverrides": [{
                "environment": [{"name": "SSH_PUBLIC_KEY", "value": KEY}],
                "name": "ci-coordinator",
            }],
            "cpu": "512",
            "memory": "1024",
        },
        "startedBy": "job-1",
        "tags": [
            {"key": "fargate:key", "value": "job-1-a"},
            {"key": "fargate:owner", "value": "job-1"},
            {"key": "team", "value": "build"},
            {"key": "gitlab:job-id", "value": "7"},
        ],
        "taskDefinition": "test-task:1",
    });
    assert_eq!(double.requests("RunTask"), [wanted.clone(), wanted]);
    assert_eq!(double.calls().len(), 1, "and nothing else is asked: {:?}", double.calls());
}
