//! What a job on ECS may choose, and what happens to one that asks for more.

use fargate_test_support::ecs::{EcsDouble, EcsOptions};
use serde_json::{Value, json};

use crate::checks::rewrite;
use crate::harness::{Host, Job, SYSTEM_FAILURE};

const POLICY: &str = r#"  AgentImage = "agent.example.com/fargate-agent:1"
  HelperImage = "none"
  AllowedImages = ["alpine:*", "r.example.com:5000/**"]
[Policy]
  AllowedServices = ["postgres:*", "redis:*", "postgres@*"]
  MaxCPU = "2 vCPU"
  MaxMemory = "8 GB"
  MaxEphemeralStorageGiB = 50
  AllowedTaskRoles = ["arn:aws:iam::111122223333:role/ci-*"]
  AllowedCapacity = ["on-demand"]
[[Policy.Rules]]
  Name = "infra on protected branches"
  Projects = ["infra/**"]
  Protected = true
  AllowedServices = ["**"]
  MaxCPU = "16 vCPU"
"#;

/// A job with this image that says these fields.
fn job<'a>(host: &'a Host, fields: &[(&str, Value)]) -> Job<'a> {
    let job = host.job_with_image(json!({"name": "alpine:3"}));
    for (field, value) in fields {
        job.respond(field, value.clone());
    }
    job
}

fn variable(name: &str, value: &str) -> Value {
    json!([{"key": name, "value": value, "public": true}])
}

/// The job fails as its author's error with these words, and nothing is asked of AWS.
async fn refused(double: &EcsDouble, job: &Job<'_>, words: &[&str]) {
    job.is_refused(words).await;
    assert!(double.calls().is_empty(), "{:?}", double.calls());
    job.cleanup().await.ok();
}

#[tokio::test]
async fn a_service_that_is_not_allowed_or_cannot_be_starts_nothing() {
    let double = EcsDouble::start(EcsOptions::default()).await;
    let host = Host::ecs(&double, POLICY);
    let twice = json!([{"name": "postgres:16", "alias": "db"}, {"name": "redis:7", "alias": "db"}]);
    let one_port = json!([{"name": "postgres:16"}, {"name": "postgres:15"}]);
    let on_the_agents = json!([{"name": "redis:7",
        "variables": [{"key": "HEALTHCHECK_TCP_PORT", "value": "2222"}]}]);
    let windows = json!([{"name": "redis:7",
        "executor_opts": {"docker": {"platform": "windows/amd64"}}}]);
    for (services, words) in [
        (json!([{"name": "evil:1"}]), &["evil:1", "postgres:*", "Policy.AllowedServices"][..]),
        (json!([{"name": "redis:7"}, {"alias": "db"}]), &["service 2 has no image"]),
        (json!([{"name": "redis 7"}]), &["no image's name"]),
        (json!([{"name": "a".repeat(300)}]), &["255"]),
        (json!([{"name": "redis:7", "alias": "my db/"}]), &["no host name"]),
        (twice, &["two services have the alias", "db"]),
        (one_port, &["postgres:16 and postgres:15", "port 5432"]),
        (on_the_agents, &["2222", "the task's agent"]),
        (windows, &["linux/amd64 nor linux/arm64"]),
    ] {
        refused(&double, &job(&host, &[("services", services)]), words).await;
    }
}

#[tokio::test]
async fn a_size_role_or_capacity_that_is_not_allowed_starts_nothing() {
    let double = EcsDouble::start(EcsOptions::default()).await;
    let host = Host::ecs(&double, POLICY);
    let admin = "arn:aws:iam::111122223333:role/admin";
    for (name, value, words) in [
        ("FARGATE_CPU", "lots", &["FARGATE_CPU is \"lots\"", "1 vCPU"][..]),
        ("FARGATE_CPU", "4 vCPU", &["not allowed", "up to 2 vCPU", "Policy.MaxCPU"]),
        ("FARGATE_MEMORY", "9 GB", &["not allowed", "up to 8 GB", "Policy.MaxMemory"]),
        ("FARGATE_EPHEMERAL_STORAGE", "60", &["up to 50 GiB", "Policy.MaxEphemeralStorageGiB"]),
        ("FARGATE_EPHEMERAL_STORAGE", "1", &["21 to 200"]),
        ("FARGATE_TASK_ROLE", admin, &[admin, "role/ci-*", "Policy.AllowedTaskRoles"]),
        ("FARGATE_CAPACITY", "spot", &["spot", "on-demand", "Policy.AllowedCapacity"]),
    ] {
        refused(&double, &job(&host, &[("variables", variable(name, value))]), words).await;
    }
}

#[tokio::test]
async fn an_image_that_is_no_reference_or_not_listed_starts_nothing_and_names_the_key() {
    let double = EcsDouble::start(EcsOptions::default()).await;
    let host = Host::ecs(&double, POLICY);
    for (image, words) in [
        ("evil:1".to_owned(), &["evil:1", "alpine:*", "rule: Fargate.AllowedImages"][..]),
        ("alpine:".to_owned(), &["no image's name"]),
        ("a".repeat(300), &["no image's name", "255"]),
    ] {
        refused(&double, &host.job_with_image(json!({"name": image})), words).await;
    }
}

#[tokio::test]
async fn a_rule_counts_for_its_projects_alone_and_no_variable_makes_a_job_one_of_them() {
    let double = EcsDouble::start(EcsOptions::default()).await;
    let host = Host::ecs(&double, POLICY);
    let services = || json!([{"name": "minio/minio:1"}]);
    let fields = |project: &str, protected: bool| {
        [
            ("services", services()),
            ("job_info", json!({"project_id": 5, "project_full_path": project})),
            ("git_info", json!({"ref": "main", "protected": protected})),
        ]
    };
    for (project, protected) in [("infra/app", false), ("group/infra/app", true)] {
        let mut job = job(&host, &fields(project, protected));
        job.variable("CI_PROJECT_PATH", "infra/app");
        job.variable("CI_COMMIT_REF_PROTECTED", "true");
        refused(&double, &job, &["minio/minio:1", "Policy.AllowedServices"]).await;
    }
    let trusted = fields("infra/app", true);
    let too_large = [&trusted[..], &[("variables", variable("FARGATE_CPU", "17 vCPU"))]].concat();
    let rule = "MaxCPU of rule \"infra on protected branches\"";
    refused(&double, &job(&host, &too_large), &["not allowed", rule]).await;
}

#[tokio::test]
async fn services_that_nobody_allows_are_not_run_and_the_job_goes_on() {
    let double = EcsDouble::start(EcsOptions::default()).await;
    let host = Host::ecs(&double, "");
    let job = host.job();
    job.respond("services", json!([{"name": "postgres:16"}]));
    job.respond("variables", variable("FARGATE_CPU", "lots"));
    let prepared = job.prepare().await.ok();
    prepared
        .says("The job's services (postgres:16) are not run: Fargate.AgentImage is not set\n")
        .says("FARGATE_CPU is not used: Policy.MaxCPU is not set\n");
    job.cleanup().await.ok();
}

#[tokio::test]
async fn allowed_services_without_the_agents_image_are_a_mistake() {
    let double = EcsDouble::start(EcsOptions::default()).await;
    for policy in [
        "[Policy]\nAllowedServices = [\"**\"]\n",
        "[[Policy.Rules]]\nName = \"a\"\nAllowedServices = [\"**\"]\n",
        "Mode = \"agent\"\n",
    ] {
        let host = Host::ecs(&double, policy);
        host.job().prepare().await.failed_as(SYSTEM_FAILURE).says("set AgentImage");
        assert!(double.calls().is_empty());
    }
}

#[tokio::test]
async fn with_a_helper_the_job_is_built_where_both_containers_see_it() {
    let double = EcsDouble::start(EcsOptions::default()).await;
    let host = Host::ecs(&double, POLICY);
    let without: Value = serde_json::from_slice(&host.job().config().await.ok().stdout).unwrap();
    assert!(without.get("builds_dir").is_none() && without.get("cache_dir").is_none());
    let shared = "SharedDirectories = [\"/work\", \"/kept\"]";
    rewrite(&host, "HelperImage = \"none\"", shared);
    let with: Value = serde_json::from_slice(&host.job().config().await.ok().stdout).unwrap();
    assert_eq!((&with["builds_dir"], &with["cache_dir"]), (&json!("/work"), &json!("/kept")));
    rewrite(&host, shared, "Mode = \"sshd\"");
    let off: Value = serde_json::from_slice(&host.job().config().await.ok().stdout).unwrap();
    assert!(off.get("builds_dir").is_none());
}

#[tokio::test]
async fn a_broken_rule_is_the_operators_error_and_check_config_finds_it() {
    let double = EcsDouble::start(EcsOptions::default()).await;
    let broken = POLICY.replace("\"infra/**\"", "\"infra**\"");
    let host = Host::ecs(&double, &broken);
    let words = "Projects of rule \"infra on protected branches\"";
    host.job().config().await.failed_as(SYSTEM_FAILURE).says(words);
    host.job().prepare().await.failed_as(SYSTEM_FAILURE).says(words);
    let other = POLICY.replace("16 vCPU", "plenty");
    for (policy, words) in [(&broken, words), (&other, "MaxCPU of rule")] {
        let host = Host::ecs(&double, policy);
        host.program(&["check-config"]).await.failed_as(1).says(words);
    }
    Host::ecs(&double, POLICY).program(&["check-config"]).await.ok();
    assert!(double.calls().is_empty());
}
