//! Sizes, role and capacity of one task.

use fargate_core::{Capacity, TaskLauncher, TaskResources};
use serde_json::{Value, json};

use crate::bench::{api_double, config, launcher, spec};

/// RunTask for a task with these resources, from a configuration that says something else.
async fn request(resources: TaskResources) -> Value {
    let double = api_double().await;
    let mut config = config();
    config.cpu = Some("256".to_owned());
    config.memory = Some("512".to_owned());
    config.task_role = Some("arn:aws:iam::123456789012:role/configured".to_owned());
    config.launch_type = Some("FARGATE".to_owned());
    let mut spec = spec();
    spec.needs.resources = resources;
    launcher(&double, config).await.launch(&spec).await.expect("a task");
    double.requests("RunTask").remove(0)
}

#[tokio::test]
async fn a_task_has_the_sizes_and_the_role_it_asks_for() {
    let mut resources = TaskResources::default();
    resources.cpu = Some(1024);
    resources.memory = Some(4096);
    resources.ephemeral_storage = Some(60);
    resources.role = Some("arn:aws:iam::123456789012:role/job".to_owned());
    let request = request(resources).await;
    let overrides = &request["overrides"];
    assert_eq!((&overrides["cpu"], &overrides["memory"]), (&json!("1024"), &json!("4096")));
    assert_eq!(overrides["ephemeralStorage"], json!({"sizeInGiB": 60}));
    assert_eq!(overrides["taskRoleArn"], "arn:aws:iam::123456789012:role/job");
    assert_eq!(request["launchType"], "FARGATE");
    assert_eq!(request.get("capacityProviderStrategy"), None);
}

#[tokio::test]
async fn a_task_runs_on_the_capacity_it_asks_for_alone() {
    for (capacity, name) in [(Capacity::Spot, "FARGATE_SPOT"), (Capacity::OnDemand, "FARGATE")] {
        let mut resources = TaskResources::default();
        resources.capacity = Some(capacity);
        let request = request(resources).await;
        let wanted = json!([{"capacityProvider": name, "weight": 1, "base": 0}]);
        assert_eq!(request["capacityProviderStrategy"], wanted);
        assert_eq!(request.get("launchType"), None, "the two exclude each other");
        assert_eq!(request["overrides"]["cpu"], "256");
    }
}
