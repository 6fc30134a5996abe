//! The size and rights that a job on ECS chooses, down to the task.

use fargate_test_support::ecs::{EcsDouble, EcsOptions};
use serde_json::json;

use crate::harness::Host;

const ROLE: &str = "arn:aws:iam::111122223333:role/ci-deploy";
const POLICY: &str = r#"  TaskRole = "arn:aws:iam::111122223333:role/operators"
[Policy]
  MaxCPU = "2 vCPU"
  MaxMemory = "8 GB"
  MaxEphemeralStorageGiB = 50
  AllowedTaskRoles = ["arn:aws:iam::111122223333:role/ci-*"]
  AllowedCapacity = ["spot"]
"#;

#[tokio::test]
async fn what_a_job_may_choose_is_what_its_task_gets() {
    let double = EcsDouble::start(EcsOptions::default()).await;
    let host = Host::ecs(&double, POLICY);
    let mut job = host.job();
    let variable = |name: &str, value: &str| json!({"key": name, "value": value});
    job.respond(
        "variables",
        json!([
            variable("FARGATE_CPU", ".5 vCPU"),
            variable("FARGATE_MEMORY", "4500 MB"),
            variable("FARGATE_EPHEMERAL_STORAGE", "40"),
            variable("FARGATE_CAPACITY", "spot"),
            variable("FARGATE_TASK_ROLE", ROLE),
        ]),
    );
    // What the runner passes on as well is nobody's word.
    job.variable("FARGATE_CPU", "16 vCPU");
    let size = "Size: CPU 0.5 vCPU, memory 4500 MB, rounded up to CPU 1 vCPU, memory 5 GB\n";
    job.prepare().await.ok().says(size);
    let request = double.requests("RunTask").remove(0);
    let overrides = &request["overrides"];
    assert_eq!((&overrides["cpu"], &overrides["memory"]), (&json!("1024"), &json!("5120")));
    assert_eq!(overrides["ephemeralStorage"], json!({"sizeInGiB": 40}));
    assert_eq!(overrides["taskRoleArn"], ROLE);
    assert_eq!(request["capacityProviderStrategy"][0]["capacityProvider"], "FARGATE_SPOT");
    job.cleanup().await.ok();
}
