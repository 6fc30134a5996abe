//! Jobs' images for real: the double runs the containers of the derived definitions in root file
//! systems of their own, and the agent comes into them from its own image.

use std::time::Duration;

use fargate_core::testkit::LauncherBench;
use fargate_core::{StopCause, TaskImage, TaskLauncher, TaskStatus};

use crate::bench::{KEY, launcher, spec, status_until};
use crate::registry::Registry;

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

/// Whoever was to stop it is gone.
#[tokio::test(flavor = "multi_thread")]
async fn a_task_under_the_agent_ends_itself_at_its_deadline() {
    let registry = Registry::start().await;
    let launcher = launcher(&registry.double, registry.config()).await;
    let spec = spec().image(TaskImage::new("busybox:1")).deadline(Duration::from_secs(2));
    let task = launcher.launch(&spec).await.expect("a task");
    let over = |status: &TaskStatus| matches!(status, TaskStatus::Stopped(_));
    let TaskStatus::Stopped(stopped) = status_until(&launcher, &task, over).await else {
        panic!("stopped")
    };
    assert_eq!(stopped.cause, StopCause::Exited);
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
