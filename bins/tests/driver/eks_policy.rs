//! What a job on EKS may choose, as far as it is not as on ECS.

use fargate_test_support::eks::{EksDouble, EksOptions};
use serde_json::{Value, json};

use crate::checks::rewrite;
use crate::harness::{Host, Job, SYSTEM_FAILURE};

const POLICY: &str = "[Policy]\n  AllowedServices = [\"postgres:*\"]\n  MaxMemory = \"200 GB\"\n  \
                      AllowedCapacity = [\"spot\"]\n  AllowedTaskRoles = [\"ci-*\"]\n[TaskMetadata]";

/// A host whose pods have the agent.
fn host(double: &EksDouble) -> Host {
    let host = Host::eks(double);
    let agent = "[EKS]\n  AgentImage = \"agent.example.com/fargate-agent:1\"\n  HelperImage = \"\"\n  \
                 AllowedImages = [\"alpine:*\"]\n";
    rewrite(&host, "[EKS]\n", agent);
    rewrite(&host, "[TaskMetadata]", POLICY);
    host
}

async fn refused(double: &EksDouble, job: &Job<'_>, words: &[&str]) {
    job.is_refused(words).await;
    assert!(double.calls().is_empty(), "{:?}", double.calls());
    job.cleanup().await.ok();
}

#[tokio::test]
async fn what_is_not_allowed_or_not_there_creates_no_pod() {
    let double = EksDouble::start(EksOptions::default()).await;
    let host = host(&double);
    let arm = json!({"name": "alpine:3",
        "executor_opts": {"docker": {"platform": "linux/arm64"}}});
    let named = json!({"name": "alpine:3", "executor_opts": {"kubernetes": {"user": "root"}}});
    let variable = |name: &str, value: &str| json!([{"key": name, "value": value}]);
    let service = |service: Value| json!([service]);
    for (field, value, words) in [
        ("image", arm, &["no arm64 for pods", "linux/amd64"][..]),
        ("image", named, &["its user is no number"]),
        ("services", service(json!({"name": "redis:7"})), &["redis:7", "Policy.AllowedServices"]),
        (
            "services",
            service(json!({"name": "postgres:16", "alias": "db/"})),
            &["db/", "no host name"],
        ),
        ("variables", variable("FARGATE_CAPACITY", "spot"), &["no Spot for pods"]),
        ("variables", variable("FARGATE_MEMORY", "150 GB"), &["nothing so large"]),
        ("variables", variable("FARGATE_TASK_ROLE", "admin"), &["admin", "ci-*"]),
    ] {
        let job = host.job_with_image(json!({"name": "alpine:3"}));
        job.respond(field, value);
        refused(&double, &job, words).await;
    }
}

#[tokio::test]
async fn allowed_services_need_the_agents_image_on_eks_too() {
    let double = EksDouble::start(EksOptions::default()).await;
    let host = Host::eks(&double);
    rewrite(&host, "[TaskMetadata]", POLICY);
    host.job().prepare().await.failed_as(SYSTEM_FAILURE).says("EKS.AgentImage");
    assert!(double.calls().is_empty());
}
