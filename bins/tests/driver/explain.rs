//! `fargate policy explain`, with real files.

use fargate_test_support::ecs::{EcsDouble, EcsOptions};
use serde_json::{Value, json};

use crate::harness::{Ended, Host, Job};

const POLICY: &str = r#"  AgentImage = "agent.example.com/agent:1"
  AllowedImages = ["alpine:*"]
[Policy]
  AllowedServices = ["postgres:*"]
  MaxCPU = "2 vCPU"
  MaxMemory = "8 GB"
  RegistryCredentials = [{ Images = "postgres:*", Secret = "arn:aws:secretsmanager:x:1:secret:pg" }]
[[Policy.Rules]]
  Name = "infra"
  Projects = ["infra/**"]
  AllowedImages = ["**"]
  AllowedCapacity = ["spot"]
  AllowedTaskRoles = ["arn:aws:iam::111122223333:role/ci-*"]
"#;

fn job<'a>(host: &'a Host, project: &str, image: &str) -> Job<'a> {
    let job = host.job_with_image(json!({ "name": image }));
    job.respond("job_info", json!({"project_id": 5, "project_full_path": project}));
    job.respond("services", json!([{"name": "postgres:16", "alias": "db"}]));
    job.respond(
        "variables",
        json!([
            {"key": "FARGATE_CPU", "value": ".5 vCPU"},
            {"key": "FARGATE_MEMORY", "value": "4500 MB"},
            {"key": "FARGATE_CAPACITY", "value": "spot"},
            {"key": "FARGATE_TASK_ROLE", "value": "arn:aws:iam::111122223333:role/ci-x"},
            {"key": "CI_RUNNER_VERSION", "value": "19.3.0"},
        ]),
    );
    job
}

async fn explain(job: &Job<'_>, more: &[&str]) -> Ended {
    let file = job.directory.path().join("response.json");
    let args = [&["policy", "explain", "--job", file.to_str().unwrap()], more].concat();
    job.host.program(&args).await
}

async fn explained(job: &Job<'_>, code: i32) -> Value {
    serde_json::from_slice(&explain(job, &["--json"]).await.failed_as(code).stdout).unwrap()
}

#[tokio::test]
async fn what_a_job_would_get_is_told_with_what_decides_it() {
    let double = EcsDouble::start(EcsOptions::default()).await;
    let host = Host::ecs(&double, POLICY);
    let found = explained(&job(&host, "infra/app", "evil:1"), 0).await;
    assert_eq!((&found["runs"], &found["rule"]), (&json!(true), &json!("infra")));
    let image = &found["image"];
    assert_eq!(image["name"], "evil:1");
    assert_eq!(image["ruling"], json!({"by": "AllowedImages of rule \"infra\"", "allowed": "**"}));
    let service = &found["services"][0];
    assert_eq!((&service["container"], &service["port"]), (&json!("db"), &json!(5432)));
    assert_eq!(service["aliases"], json!(["postgres", "db"]));
    assert_eq!(service["pull_secret"], "arn:aws:secretsmanager:x:1:secret:pg");
    assert_eq!(service["ruling"], json!({"by": "Policy.AllowedServices", "allowed": "postgres:*"}));
    let size = json!({"asked_cpu": 512, "asked_memory": 4500, "cpu": 1024, "memory": 5120});
    assert_eq!(found["size"], size);
    assert_eq!(found["capacity"], "spot");
    assert_eq!(found["role"], "arn:aws:iam::111122223333:role/ci-x");
    assert_eq!(found["rulings"]["FARGATE_CPU"]["allowed"], "up to 2 vCPU");
    let helper = found["helper"]["name"].as_str().unwrap();
    assert!(helper.ends_with("gitlab-runner-helper:x86_64-v19.3.0"), "{helper}");
    let arm = json!({"name": "a", "executor_opts": {"docker": {"platform": "linux/arm64"}}});
    let job = job(&host, "infra/app", "evil:1");
    job.respond("image", arm);
    let found = explained(&job, 0).await;
    assert_eq!(found["image"]["platform"], "linux/arm64");
    let helper = found["helper"]["name"].as_str().unwrap();
    assert!(helper.ends_with("gitlab-runner-helper:arm64-v19.3.0"), "{helper}");
    assert!(double.calls().is_empty(), "{:?}", double.calls());
}

#[tokio::test]
async fn the_same_is_told_in_lines() {
    let double = EcsDouble::start(EcsOptions::default()).await;
    let host = Host::ecs(&double, POLICY);
    let text = explain(&job(&host, "group/app", "alpine:3"), &[]).await.ok().stdout_text();
    for line in [
        "rule      none: what holds for every job",
        "image     alpine:3, allowed by Fargate.AllowedImages (alpine:*)",
        "service   postgres:16, pulled with arn:aws:secretsmanager:x:1:secret:pg, allowed by \
         Policy.AllowedServices (postgres:*), names postgres, db, port 5432",
        "size      CPU 0.5 vCPU, memory 4500 MB, rounded up to CPU 1 vCPU, memory 5 GB",
        "allowed   FARGATE_MEMORY by Policy.MaxMemory (up to 8 GB)",
        "note      FARGATE_CAPACITY is not used: Policy.AllowedCapacity is not set",
    ] {
        assert!(text.lines().any(|one| one == line), "no {line:?} in\n{text}");
    }
}

#[tokio::test]
async fn a_job_that_is_refused_is_told_which_key_refuses_it() {
    let double = EcsDouble::start(EcsOptions::default()).await;
    let host = Host::ecs(&double, POLICY);
    let job = job(&host, "group/app", "evil:1");
    let refused = explain(&job, &[]).await.failed_as(1).says("evil:1").says("alpine:*");
    assert!(refused.stdout.is_empty());
    let found = explained(&job, 1).await;
    assert_eq!((&found["runs"], &found["rule"]), (&json!(false), &json!("Fargate.AllowedImages")));
    assert!(found["error"].as_str().unwrap().contains("evil:1"));
    assert_eq!(found["allowed"], "alpine:*");
    assert!(double.calls().is_empty());
}

#[tokio::test]
async fn a_task_definition_of_the_jobs_choice_is_explained_too() {
    let double = EcsDouble::start(EcsOptions::default()).await;
    let host = Host::ecs(&double, "  AllowedTaskDefinitions = [\"ci-*\"]\n");
    let job = host.job();
    job.respond("variables", json!([{"key": "FARGATE_TASK_DEFINITION", "value": "prod"}]));
    explain(&job, &[]).await.failed_as(1).says("prod").says("AllowedTaskDefinitions");
}

#[tokio::test]
async fn what_cannot_be_read_is_neither_run_nor_refused() {
    let double = EcsDouble::start(EcsOptions::default()).await;
    let host = Host::ecs(&double, POLICY);
    let none = host.program(&["policy", "explain", "--job", "/nonexistent"]).await;
    none.failed_as(2).says("/nonexistent");
    let broken = Host::ecs(&double, &POLICY.replace("\"infra/**\"", "\"[\""));
    explain(&job(&broken, "a", "alpine:3"), &[]).await.failed_as(2).says("Projects of rule");
}
