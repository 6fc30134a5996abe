//! Jobs on ECS in images of their own, which nobody has changed.

use fargate_test_support::ecs::{AGENT_IMAGE, AgentImages, EcsDouble, EcsOptions};
use serde_json::json;

use crate::checks::rewrite;
use crate::harness::{BUILD_FAILURE, Host, Job, RUN_STAGES, SYSTEM_FAILURE, eventually};
use crate::jobs::whole_job;

/// A double that knows the agent's image and busybox.
struct Registry {
    double: EcsDouble,
    _images: AgentImages,
}

impl Registry {
    async fn start() -> Self {
        let images = AgentImages::new();
        let options = EcsOptions { images: images.all(), ..EcsOptions::default() };
        Self { double: EcsDouble::start(options).await, _images: images }
    }

    /// A host with the agent and these patterns in `AllowedImages`.
    fn host(&self, patterns: &[&str]) -> Host {
        let more = format!(
            "  AgentImage = \"{AGENT_IMAGE}\"\n  HelperImage = \"none\"\n  AllowedImages = {patterns:?}\n"
        );
        Host::ecs(&self.double, &more)
    }

    fn registered(&self) -> u64 {
        self.double.calls().get("RegisterTaskDefinition").copied().unwrap_or(0)
    }

    async fn nothing_runs(&self) {
        eventually("the end of every task", || self.double.running() == 0).await;
    }
}

/// Every stage of a job that is prepared.
async fn all_stages(job: &Job<'_>) {
    for stage in RUN_STAGES {
        let ended = job.script(&format!("echo out {stage}"), stage).await.ok();
        assert_eq!(ended.stdout_text(), format!("out {stage}\n"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_job_on_ecs_in_an_unmodified_image() {
    let registry = Registry::start().await;
    let host = registry.host(&["busybox:*"]);
    let job = host.job_with_image(json!({"name": "busybox:1"}));
    job.prepare().await.ok().says("Starting task test-task with image busybox:1 in ECS cluster");
    all_stages(&job).await;
    let look = "busybox | sed -n 1p; for p in bash git sshd gitlab-runner; do command -v $p || :; done; \
                exit 42";
    let ended = job.script(look, "build_script").await.failed_as(BUILD_FAILURE);
    let said = ended.stdout_text();
    assert!(said.starts_with("BusyBox v") && said.lines().count() == 1, "{said}");
    assert_eq!(job.exit_code().unwrap().lines().next(), Some("42"));
    job.cleanup().await.ok();
    registry.nothing_runs().await;
    assert_eq!(host.metadata_files(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_does_not_prove_its_host_key_gets_no_script() {
    let registry = Registry::start().await;
    let host = registry.host(&["busybox:*"]);
    let agent = "FARGATE_HOST_SECRET=another exec /fargate/fargate-agent";
    let entrypoint = ["/bin/sh", "-c", agent];
    let job = host.job_with_image(json!({"name": "busybox:1", "entrypoint": entrypoint}));
    let ended = job.prepare().await.failed_as(SYSTEM_FAILURE);
    ended.says("does not prove to be the task that was started");
    job.cleanup().await.ok();
    registry.nothing_runs().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_without_an_image_runs_in_the_task_definitions_under_the_agent() {
    let registry = Registry::start().await;
    whole_job(&registry.host(&["busybox:*"])).await;
    registry.nothing_runs().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_job_with_the_same_image_registers_nothing() {
    let registry = Registry::start().await;
    let host = registry.host(&["busybox:*"]);
    for registered in [1, 1] {
        let job = host.job_with_image(json!({"name": "busybox:1"}));
        job.prepare().await.ok();
        job.cleanup().await.ok();
        assert_eq!(registry.registered(), registered);
    }
    let job = host.job_with_image(json!({"name": "busybox:1", "entrypoint": ["/bin/env"]}));
    job.prepare().await.ok();
    job.cleanup().await.ok();
    assert_eq!(registry.registered(), 2, "another entry point is another definition");
    registry.nothing_runs().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_is_not_allowed_on_ecs_starts_nothing() {
    let registry = Registry::start().await;
    let host = registry.host(&["busybox:*"]);
    let job = host.job_with_image(json!({"name": "evil:1"}));
    job.prepare().await.failed_as(BUILD_FAILURE).says("evil:1").says("allowed: busybox:*");
    assert!(registry.double.calls().is_empty(), "{:?}", registry.double.calls());
    job.cleanup().await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_cannot_be_pulled_on_ecs_is_named() {
    let registry = Registry::start().await;
    let host = registry.host(&["**"]);
    let job = host.job_with_image(json!({"name": "registry.example.com/nowhere:1"}));
    job.prepare()
        .await
        .failed_as(SYSTEM_FAILURE)
        .says("CannotPullContainerError")
        .says("registry.example.com/nowhere:1");
    job.cleanup().await.ok();
    registry.nothing_runs().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_allowed_images_a_job_on_ecs_is_told_that_its_image_is_not_used() {
    let registry = Registry::start().await;
    let host = registry.host(&[]);
    rewrite(&host, "  AllowedImages = []\n", "");
    let job = host.job_with_image(json!({"name": "busybox:1"}));
    job.prepare().await.ok().says(
        "The job's image busybox:1 is not used: Fargate.AllowedImages is not set; the job runs \
         in the task definition's image",
    );
    job.cleanup().await.ok();
}

#[tokio::test]
async fn allowed_images_without_the_agents_image_are_a_mistake() {
    let double = EcsDouble::start(EcsOptions::default()).await;
    let host = Host::ecs(&double, "  AllowedImages = [\"busybox:*\"]\n");
    host.job()
        .prepare()
        .await
        .failed_as(SYSTEM_FAILURE)
        .says("Fargate.AllowedImages")
        .says("set AgentImage");
    assert!(double.calls().is_empty());
}
