//! Jobs' images for real: the double runs the containers of the derived definitions in root file
//! systems of their own, and the agent comes into them from its own image.

use std::time::Duration;

use fargate_backend_ecs::{AgentSetup, EcsConfig};
use fargate_core::testkit::{LauncherBench, unique_key};
use fargate_core::{StopCause, TaskImage, TaskLauncher, TaskSpec, TaskStatus};
use fargate_test_support::ecs::{AGENT_IMAGE, AgentImages, EcsDouble, EcsOptions, ImageRoot};
use fargate_test_support::visitor::Visitor;
use tempfile::TempDir;
use tokio::time::sleep;

use crate::bench::{KEY, config, launcher, spec, status_until};

const PORT: u16 = 2222;

/// A double that knows the agent's image and busybox, and a cache for one machine.
struct Registry {
    double: EcsDouble,
    cache: TempDir,
    _images: AgentImages,
}

impl Registry {
    /// With busybox under an entry point of its own as `entry:1`.
    async fn start() -> Self {
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

    fn config(&self) -> EcsConfig {
        let mut config = config();
        config.agent = Some(AgentSetup::new(AGENT_IMAGE));
        config.cache_directory = self.cache.path().into();
        config
    }

    /// What a command says in a task with that image.
    async fn said(&self, image: TaskImage, command: &str) -> (i32, String) {
        let launcher = launcher(&self.double, self.config()).await;
        let visitor = Visitor::new(PORT);
        let spec = TaskSpec::new(unique_key("job"), unique_key("owner"), visitor.public_key());
        let task = launcher.launch(&spec.image(image)).await.expect("a task");
        status_until(&launcher, &task, |status| matches!(status, TaskStatus::Running { .. })).await;
        let view = self.double.tasks().pop().expect("a task");
        let host_key = self.host_key(&view.arn).await;
        let (code, out, err) = visitor.visit(view.address, Some(&host_key), command).await;
        launcher.stop(&task, Duration::from_secs(10)).await.expect("an end");
        self.double.wait_for(&view.arn, "STOPPED").await;
        (code, out + &err)
    }

    /// The host key that the agent tells in its log.
    async fn host_key(&self, arn: &str) -> String {
        loop {
            let log = self.double.container_log(arn, "ci-coordinator");
            let key = log.split_once("host_key=\"").and_then(|(_, rest)| rest.split_once('"'));
            if let Some((key, _)) = key {
                return key.to_owned();
            }
            sleep(config().pace.first_pause).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unmodified_image_runs_under_the_agent() {
    let registry = Registry::start().await;
    let look = "busybox | head -n 1; ls -d /bin/bash; touch /fargate/new; exit 7";
    let (code, said) = registry.said(TaskImage::new("busybox:1"), look).await;
    assert_eq!(code, 7, "{said}");
    assert!(said.contains("BusyBox v"), "{said}");
    assert!(said.contains("/bin/bash: No such file"), "{said}");
    assert!(said.contains("/fargate/new: Read-only file system"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn entry_point_of_the_image_or_of_the_job_runs_the_agent() {
    let registry = Registry::start().await;
    let job = ["/bin/sh", "-c", "OF=job exec \"$@\"", "sh"];
    for (image, of) in [
        (TaskImage::new("entry:1"), "of image"),
        (TaskImage::new("entry:1").entrypoint(job), "of job"),
        (TaskImage::new("entry:1").entrypoint([""]), "of nobody"),
        // One that swallows whatever stands behind the first word after it.
        (TaskImage::new("busybox:1").entrypoint(["sh", "-c"]), "of nobody"),
    ] {
        let look = "tr '\\0' '\\n' </proc/1/environ | sed -n 's/^OF=/of /p'; tr '\\0' ' ' \
                    </proc/1/cmdline";
        let (_, said) = registry.said(image, look).await;
        assert!(said.contains("/fargate/fargate-agent"), "{said}");
        let none = !said.contains("of ");
        assert!(said.contains(of) || of == "of nobody" && none, "{of}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn image_that_does_not_exist_is_told() {
    let registry = Registry::start().await;
    let launcher = launcher(&registry.double, registry.config()).await;
    let task = launcher.launch(&spec().image(TaskImage::new("missing:1"))).await.expect("a task");
    let over = |status: &TaskStatus| matches!(status, TaskStatus::Stopped(_));
    let TaskStatus::Stopped(stopped) = status_until(&launcher, &task, over).await else {
        panic!("stopped")
    };
    assert_eq!(stopped.cause, StopCause::Image);
    assert!(stopped.reason.contains("missing:1: not found"), "{stopped:?}");
}

/// The conformance suite with containers under an agent.
mod conformance {
    use super::*;

    async fn factory() -> LauncherBench {
        let registry = Registry::start().await;
        LauncherBench {
            launcher: launcher(&registry.double, registry.config()).await,
            again: launcher(&registry.double, registry.config()).await,
            authorized_key: KEY.to_owned(),
            guard: Box::new(registry),
        }
    }

    fargate_core::launcher_conformance!(factory);
}
