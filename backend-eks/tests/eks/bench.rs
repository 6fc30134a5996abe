//! What the tests of this crate share.

use std::sync::Arc;
use std::time::Duration;

use fargate_backend_eks::{ClusterAccess, EksConfig, EksLauncher};
use fargate_core::testkit::unique_key;
use fargate_core::{Stopped, TaskHandle, TaskLauncher, TaskSpec, TaskStatus};
use fargate_test_support::eks::{EksDouble, EksOptions, TaskProgram};
use tokio::time::{Instant, sleep};

pub(crate) const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGhY5FkqVHcSx2M0pUuMd1TM3s0UQjWQvGgqM2QvR6XK";
pub(crate) const GRACE: Duration = Duration::from_secs(1);
pub(crate) const NAMESPACE: &str = "ci";

/// A double whose pods have no program: for what the API alone decides.
pub(crate) async fn api_double() -> EksDouble {
    EksDouble::start(EksOptions { program: TaskProgram::None, ..EksOptions::default() }).await
}

pub(crate) fn config(access: ClusterAccess) -> EksConfig {
    let mut config = EksConfig::new(access, NAMESPACE, "registry.example.com/ci:1");
    config.ssh_port = EksOptions::default().ssh_port;
    config.launch_timeout = Duration::from_secs(30);
    config.pace.api_first_pause = Duration::from_millis(2);
    config.pace.max_pause = Duration::from_millis(40);
    config.pace.api_timeout = Duration::from_secs(10);
    config.pace.api_patience = Duration::from_secs(10);
    config.pace.gone_pause = Duration::from_millis(10);
    config
}

/// The settings for `double`, through its kubeconfig.
pub(crate) fn config_for(double: &EksDouble) -> EksConfig {
    config(ClusterAccess::kubeconfig(double.kubeconfig()))
}

pub(crate) async fn launcher(double: &EksDouble) -> Arc<EksLauncher> {
    launcher_with(config_for(double)).await
}

pub(crate) async fn launcher_with(config: EksConfig) -> Arc<EksLauncher> {
    Arc::new(EksLauncher::connect(config).await.expect("good settings"))
}

pub(crate) fn spec() -> TaskSpec {
    TaskSpec::new(unique_key("job"), unique_key("owner"), KEY)
}

/// The name of the task's pod.
pub(crate) fn name(task: &TaskHandle) -> String {
    task.id().rsplit('/').next().unwrap_or_default().to_owned()
}

/// Asks until the answer is what the test wants.
pub(crate) async fn status_until(
    launcher: &EksLauncher,
    task: &TaskHandle,
    wanted: impl Fn(&TaskStatus) -> bool,
) -> TaskStatus {
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        let status = launcher.status(task).await.expect("a status");
        if wanted(&status) {
            return status;
        }
        assert!(Instant::now() < until, "still {status:?}");
        sleep(Duration::from_millis(5)).await;
    }
}

pub(crate) async fn running(launcher: &EksLauncher, task: &TaskHandle) {
    status_until(launcher, task, |status| matches!(status, TaskStatus::Running { .. })).await;
}

pub(crate) async fn stopped(launcher: &EksLauncher, task: &TaskHandle) -> Stopped {
    let over = |status: &TaskStatus| matches!(status, TaskStatus::Stopped(_));
    match status_until(launcher, task, over).await {
        TaskStatus::Stopped(stopped) => stopped,
        other => panic!("not over: {other:?}"),
    }
}
