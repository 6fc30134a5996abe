//! A double that knows the images of a job under the agent, and ways into its tasks.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_ecs::types::{ContainerDefinition, LogConfiguration, LogDriver, NetworkMode};
use fargate_backend_ecs::{AgentSetup, EcsConfig, EcsLauncher};
use fargate_core::testkit::unique_key;
use fargate_core::{TaskHandle, TaskImage, TaskLauncher, TaskNeeds, TaskSpec, TaskStatus};
use fargate_test_support::ecs::{
    AGENT_IMAGE, AgentImages, EcsDouble, EcsOptions, ImageRoot, TaskView,
};
use fargate_test_support::visitor::Visitor;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use crate::bench::{config, launcher, sdk, status_until};

const PORT: u16 = 2222;

/// A double that knows the agent's image and busybox, and a cache for one machine.
pub(crate) struct Registry {
    pub(crate) double: EcsDouble,
    cache: TempDir,
    _images: AgentImages,
}

impl Registry {
    /// With busybox under an entry point of its own as `entry:1`.
    pub(crate) async fn start() -> Self {
        let trees = AgentImages::new();
        let mut images = trees.all();
        let entry = ImageRoot {
            entrypoint: ["/bin/sh", "-c", "OF=image exec \"$@\"", "sh"].map(str::to_owned).into(),
            ..trees.busybox()
        };
        images.insert("entry:1".to_owned(), entry);
        let double = EcsDouble::start(EcsOptions { images, ..EcsOptions::default() }).await;
        let cache = tempfile::tempdir().expect("a directory for the cache");
        Self { double, cache, _images: trees }
    }

    pub(crate) fn config(&self) -> EcsConfig {
        let mut config = config();
        config.agent = Some(AgentSetup::new(AGENT_IMAGE));
        config.cache_directory = self.cache.path().into();
        config
    }

    /// With a helper container of busybox, over a definition that logs to CloudWatch Logs.
    pub(crate) async fn with_helper(&self) -> EcsConfig {
        let log = LogConfiguration::builder()
            .log_driver(LogDriver::Awslogs)
            .options("awslogs-group", "ci")
            .options("awslogs-region", self.double.region())
            .options("awslogs-stream-prefix", "job");
        let container = ContainerDefinition::builder()
            .name("ci-coordinator")
            .image("busybox:1")
            .log_configuration(log.build().expect("a whole one"));
        aws_sdk_ecs::Client::new(&sdk(&self.double))
            .register_task_definition()
            .family("logging")
            .network_mode(NetworkMode::Awsvpc)
            .cpu("256")
            .memory("512")
            .container_definitions(container.build())
            .send()
            .await
            .expect("a definition");
        let mut config = self.config();
        config.task_definition = "logging:1".to_owned();
        if let Some(agent) = &mut config.agent {
            agent.helper = Some(TaskImage::new("busybox:1"));
        }
        config
    }

    /// What a command says in a task with that image.
    pub(crate) async fn said(&self, image: TaskImage, command: &str) -> (i32, String) {
        let mut needs = TaskNeeds::default();
        needs.image = Some(image);
        let task = self.run(self.config(), needs).await;
        let said = task.said(self, "ci-coordinator", command).await;
        task.stop(self).await;
        said
    }

    /// A running task.
    pub(crate) async fn run(&self, config: EcsConfig, needs: TaskNeeds) -> Running {
        let launcher = launcher(&self.double, config).await;
        let visitor = Visitor::new(PORT);
        let spec = TaskSpec::new(unique_key("job"), unique_key("owner"), visitor.public_key());
        let handle = launcher.launch(&spec.needs(needs)).await.expect("a task");
        let is_up = |status: &TaskStatus| matches!(status, TaskStatus::Running { .. });
        status_until(&launcher, &handle, is_up).await;
        let view = self.double.tasks().pop().expect("a task");
        Running { launcher, handle, visitor, view }
    }

    /// The host key that the agent of a container tells in its log.
    async fn host_key(&self, arn: &str, container: &str) -> String {
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            let log = self.double.container_log(arn, container);
            let key = log.split_once("host_key=\"").and_then(|(_, rest)| rest.split_once('"'));
            if let Some((key, _)) = key {
                return key.to_owned();
            }
            assert!(Instant::now() < until, "no host key in {log}");
            sleep(config().pace.first_pause).await;
        }
    }
}

/// A task with an agent in it.
pub(crate) struct Running {
    pub(crate) launcher: Arc<EcsLauncher>,
    pub(crate) handle: TaskHandle,
    pub(crate) view: TaskView,
    visitor: Visitor,
}

impl Running {
    /// What a command says in one of the containers with an agent.
    pub(crate) async fn said(
        &self,
        registry: &Registry,
        container: &str,
        command: &str,
    ) -> (i32, String) {
        let port = if container == AgentSetup::HELPER { PORT + 1 } else { PORT };
        let host_key = registry.host_key(&self.view.arn, container).await;
        let visitor = self.visitor.on_port(port);
        let (code, out, err) = visitor.visit(self.view.address, Some(&host_key), command).await;
        (code, out + &err)
    }

    pub(crate) async fn stop(&self, registry: &Registry) {
        self.launcher.stop(&self.handle, Duration::from_secs(10)).await.expect("an end");
        registry.double.wait_for(&self.view.arn, "STOPPED").await;
    }
}
