//! What the tests of this crate share.

use std::sync::Arc;
use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use fargate_backend_ecs::{EcsConfig, EcsLauncher};
use fargate_core::testkit::unique_key;
use fargate_core::{TaskHandle, TaskLauncher, TaskSpec, TaskStatus};
use fargate_test_support::ecs::{EcsDouble, EcsOptions, TaskProgram};
use tokio::time::{Instant, sleep};

pub(crate) const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGhY5FkqVHcSx2M0pUuMd1TM3s0UQjWQvGgqM2QvR6XK";

/// A double whose tasks have no program: for what the API alone decides.
pub(crate) async fn api_double() -> EcsDouble {
    EcsDouble::start(EcsOptions { program: TaskProgram::None, ..EcsOptions::default() }).await
}

pub(crate) fn config() -> EcsConfig {
    let options = EcsOptions::default();
    let mut config = EcsConfig::new(options.cluster, "test-task:1");
    config.subnets = options.subnets[..1].to_vec();
    config.security_groups = options.security_groups[..1].to_vec();
    config.launch_timeout = Duration::from_secs(30);
    config.pace.api_attempts = 3;
    config.pace.api_first_pause = Duration::from_millis(2);
    config.pace.api_timeout = Duration::from_secs(10);
    config.pace.api_patience = Duration::from_secs(10);
    config.pace.first_pause = Duration::from_millis(5);
    config.pace.max_pause = Duration::from_millis(40);
    config.pace.invisible = Duration::from_secs(20);
    config
}

/// The SDK's configuration for `double`, not from the environment of the test.
pub(crate) fn sdk(double: &EcsDouble) -> SdkConfig {
    let (id, secret) = double.credentials();
    sdk_with(&double.url(), double.region(), Credentials::new(id, secret, None, None, "test"))
}

pub(crate) fn sdk_with(url: &str, region: &str, credentials: Credentials) -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(region.to_owned()))
        .endpoint_url(url)
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build()
}

pub(crate) async fn launcher(double: &EcsDouble, config: EcsConfig) -> Arc<EcsLauncher> {
    Arc::new(EcsLauncher::with_sdk_config(config, sdk(double)).await.expect("good settings"))
}

pub(crate) fn spec() -> TaskSpec {
    TaskSpec::new(unique_key("job"), unique_key("owner"), KEY)
}

/// Asks until the answer is what the test wants.
pub(crate) async fn status_until(
    launcher: &EcsLauncher,
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

/// The handle as a process would read it that long after the launch.
pub(crate) fn aged(task: &TaskHandle, by: Duration) -> TaskHandle {
    let mut json = serde_json::to_value(task).expect("serialises");
    let launched = json["state"]["launched_at"].as_u64().expect("a time");
    json["state"]["launched_at"] = (launched - by.as_secs()).into();
    serde_json::from_value(json).expect("reads back")
}
