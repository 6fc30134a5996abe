//! Whole jobs that go well, or end with their script's own failure.

use fargate_test_support::binaries;
use fargate_test_support::ecs::{EcsDouble, EcsOptions, TaskProgram};

use crate::harness::{BUILD_FAILURE, Host, RUN_STAGES, eventually};

pub(crate) async fn whole_job(host: &Host) {
    let job = host.job();
    let config = job.config().await.ok();
    let answer: serde_json::Value = serde_json::from_slice(&config.stdout).unwrap();
    assert_eq!(answer["driver"]["name"], "fargate");
    job.prepare().await.ok();
    for stage in RUN_STAGES {
        let ended =
            job.script(&format!("echo out {stage}; echo err {stage} >&2"), stage).await.ok();
        assert_eq!(ended.stdout_text(), format!("out {stage}\n"));
        assert_eq!(ended.stderr, format!("err {stage}\n"), "nothing of ours in between");
    }
    job.cleanup().await.ok();
    assert_eq!(host.metadata_files(), 0);
}

#[tokio::test]
async fn a_whole_job_on_the_local_backend() {
    whole_job(&Host::local()).await;
}

#[tokio::test]
async fn a_whole_job_on_ecs() {
    let double = EcsDouble::start(EcsOptions::default()).await;
    let host = Host::ecs(&double, "");
    whole_job(&host).await;
    eventually("the end of every task", || double.running() == 0).await;
}

#[tokio::test]
async fn a_whole_job_on_ecs_with_the_agent_in_the_task() {
    let program = TaskProgram::Agent(binaries::agent());
    let double = EcsDouble::start(EcsOptions { program, ..EcsOptions::default() }).await;
    let host = Host::ecs(&double, "");
    whole_job(&host).await;
    eventually("the end of every task", || double.running() == 0).await;
}

#[tokio::test]
async fn exit_42_reaches_the_runner_as_a_build_failure_with_its_code() {
    let double = EcsDouble::start(EcsOptions::default()).await;
    let host = Host::ecs(&double, "");
    let job = host.job();
    job.prepare().await.ok();
    job.script("exit 42", "build_script").await.failed_as(BUILD_FAILURE);
    assert_eq!(job.exit_code().unwrap().lines().next(), Some("42"));
    job.cleanup().await.ok();
}
