//! Pipelines as GitLab Runner runs them: what jobs need, and a job from config to its last stage.

use fargate_test_support::ecs::{AGENT_IMAGE, EcsDouble, EcsOptions, HOST_ADDRESS, TaskDefinition};
use fargate_test_support::eks::{EksDouble, EksOptions};
use fargate_test_support::gitlab::GitLab;
use fargate_test_support::images::{HELPER_IMAGE, PipelineImages};
use serde_json::{Value, json};

use crate::checks::rewrite;
use crate::harness::{Ended, Host, Job, eventually};
use crate::runner_scripts::Project;

/// The token of every job of the harness.
const TOKEN: &str = "job-token-hunter2";

/// A GitLab with one commit, and tasks that reach it.
pub(crate) struct Pipelines {
    pub(crate) host: Host,
    pub(crate) cloud: Cloud,
    gitlab: GitLab,
    commit: String,
    _images: PipelineImages,
}

/// Where tasks run.
pub(crate) enum Cloud {
    Ecs(EcsDouble),
    Eks(EksDouble),
}

impl Pipelines {
    /// On the ECS double.
    pub(crate) async fn ecs() -> Self {
        let images = PipelineImages::new();
        let definition = TaskDefinition::new("test-task", &["ci-coordinator"]).logging_to("ci");
        let options = EcsOptions {
            images: images.all(),
            task_definitions: vec![definition],
            ..EcsOptions::default()
        };
        let double = EcsDouble::start(options).await;
        let host = Host::ecs(&double, "");
        Self::new(host, "[Fargate]", Cloud::Ecs(double), images).await
    }

    /// On the EKS double, with this `Connect`.
    pub(crate) async fn eks(connect: &str) -> Self {
        let images = PipelineImages::new();
        let options = EksOptions { images: images.all(), ..EksOptions::default() };
        let double = EksDouble::start(options).await;
        let host = Host::eks(&double);
        rewrite(&host, "[EKS]\n", &format!("[EKS]\n  Connect = \"{connect}\"\n"));
        Self::new(host, "[EKS]", Cloud::Eks(double), images).await
    }

    /// Allows the images, and names that of the helper.
    async fn new(host: Host, section: &str, cloud: Cloud, images: PipelineImages) -> Self {
        let keys = format!(
            "{section}\n  AgentImage = \"{AGENT_IMAGE}\"\n  HelperImage = \"{HELPER_IMAGE}\"\n  \
             AllowedImages = [\"busybox*:*\"]\n  ServiceTimeout = \"60s\"\n"
        );
        rewrite(&host, &format!("{section}\n"), &keys);
        let services = "[Policy]\n  AllowedServices = [\"postgres:*\", \"redis:*\", \"mysql:*\"]\n";
        rewrite(&host, "[TaskMetadata]\n", &format!("{services}[TaskMetadata]\n"));
        let gitlab = GitLab::start(HOST_ADDRESS, TOKEN).await;
        let files = [("README", "an app\n"), ("src/main.c", "int main(void) { return 0; }\n")];
        let commit = gitlab.commit(&files);
        Self { host, cloud, gitlab, commit, _images: images }
    }

    /// A job of this image and these services, with variables of its YAML.
    pub(crate) fn job(&self, image: &str, services: Value, variables: &[(&str, &str)]) -> Job<'_> {
        let mut job = self.host.job_with_image(json!({ "name": image }));
        job.respond("services", services);
        let given = variables.iter();
        let given = given
            .map(|(key, value)| json!({"key": key, "value": value, "public": true, "raw": true}));
        job.respond("variables", given.collect());
        for (name, value) in variables {
            job.variable(name, value);
        }
        job
    }

    /// What the scripts of that job are about.
    pub(crate) fn project(&self, job: &Job<'_>) -> Project {
        Project {
            gitlab: self.gitlab.url().to_owned(),
            repository: self.gitlab.repository(),
            commit: self.commit.clone(),
            cache: self.gitlab.cache("default"),
            job: job.id,
            token: TOKEN.to_owned(),
        }
    }

    /// Config and prepare; what prepare says.
    pub(crate) async fn prepare(&self, job: &Job<'_>) -> Ended {
        let config = job.config().await.ok();
        let answer: Value = serde_json::from_slice(&config.stdout).unwrap();
        let places = (&answer["builds_dir"], &answer["cache_dir"]);
        assert_eq!(places, (&json!("/builds"), &json!("/cache")));
        let prepared = job.prepare().await;
        assert_eq!(prepared.code, Some(0), "{prepared:#?}\n{}", self.cloud.log());
        prepared
    }

    /// Fetches the sources.
    pub(crate) async fn get_sources(&self, job: &Job<'_>) -> Ended {
        job.script(&self.project(job).get_sources(), "get_sources").await.ok()
    }

    /// Cleans the job up and checks that nothing of it is left.
    pub(crate) async fn finish(&self, job: Job<'_>) {
        job.cleanup().await.ok();
        assert_eq!(self.host.metadata_files(), 0);
        eventually("the end of every task", || self.cloud.running() == 0).await;
    }
}

impl Cloud {
    fn running(&self) -> usize {
        match self {
            Self::Ecs(double) => double.running(),
            Self::Eks(double) => double.running(),
        }
    }

    /// How many definitions of tasks were registered.
    pub(crate) fn registered(&self) -> u64 {
        match self {
            Self::Ecs(double) => double.calls().get("RegisterTaskDefinition").copied().unwrap_or(0),
            Self::Eks(_) => 0,
        }
    }

    /// What the containers of the newest task have written.
    pub(crate) fn log(&self) -> String {
        match self {
            Self::Ecs(double) => double.tasks().pop().map(|task| double.log(&task.arn)),
            Self::Eks(double) => double.pods().pop().map(|pod| double.log(&pod.name)),
        }
        .unwrap_or_default()
    }
}
