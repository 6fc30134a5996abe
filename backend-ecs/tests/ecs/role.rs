//! Taking a role: what goes wrong there is told as such, and not as missing credentials.

use std::sync::Arc;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use fargate_backend_ecs::{AssumeRole, EcsConfig, EcsLauncher};
use fargate_core::{Error, ErrorKind, Retry, TaskLauncher};
use fargate_test_support::ecs::{AssumableRole, EcsDouble, EcsOptions, Fault, TaskProgram};

use crate::bench::{config, launcher, sdk, sdk_with, spec};

const ROLE: &str = "arn:aws:iam::123456789012:role/ci";

async fn double_with_role() -> EcsDouble {
    let role = AssumableRole { arn: ROLE.to_owned(), external_id: Some("token".to_owned()) };
    let options =
        EcsOptions { program: TaskProgram::None, roles: vec![role], ..EcsOptions::default() };
    EcsDouble::start(options).await
}

fn config_with_role() -> EcsConfig {
    let mut config = config();
    let mut role = AssumeRole::new(ROLE);
    role.external_id = Some("token".to_owned());
    config.assume_role = Some(role);
    config
}

async fn listing(launcher: &Arc<EcsLauncher>) -> Error {
    let error = launcher.list("owner").await.expect_err("no credentials");
    assert_eq!(error.context_value("role"), Some(ROLE), "{error:?}");
    assert!(error.message().contains(ROLE), "{error:?}");
    error
}

fn advises(error: &Error, word: &str) {
    assert!(error.advice().is_some_and(|hint| hint.contains(word)), "{word}: {error:?}");
}

#[tokio::test]
async fn a_role_is_taken_first_and_once() {
    let double = double_with_role().await;
    let launcher = launcher(&double, config_with_role()).await;
    launcher.launch(&spec()).await.unwrap();
    launcher.list("owner").await.unwrap();
    assert_eq!(double.calls()["AssumeRole"], 1);
}

#[tokio::test]
async fn a_role_that_may_not_be_taken_is_named() {
    let double = double_with_role().await;
    let mut config = config_with_role();
    config.assume_role = Some(AssumeRole::new(ROLE));
    let launcher = launcher(&double, config).await;
    let error = listing(&launcher).await;
    assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error:?}");
    assert_eq!(error.context_value("aws code"), Some("AccessDenied"));
    advises(&error, "sts:AssumeRole");
    let error = launcher.launch(&spec()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied, "nothing was sent: {error:?}");
}

#[tokio::test]
async fn trouble_of_sts_is_no_lack_of_credentials() {
    for (fault, kind, code) in [
        (
            Fault::Throttle { op: "AssumeRole", times: 1000 },
            ErrorKind::Throttled,
            Some("Throttling"),
        ),
        (
            Fault::ServerError { op: "AssumeRole", times: 1000 },
            ErrorKind::Unavailable,
            Some("InternalFailure"),
        ),
        (Fault::LostResponse { op: "AssumeRole", times: 1000 }, ErrorKind::Unavailable, None),
    ] {
        let double = double_with_role().await;
        let launcher = launcher(&double, config_with_role()).await;
        double.inject(fault);
        let error = listing(&launcher).await;
        assert_eq!(error.kind(), kind, "{error:?}");
        assert_eq!(error.kind().retry(), Retry::Soon);
        assert_eq!(error.context_value("aws code"), code, "{error:?}");
        double.clear_faults();
        launcher.list("owner").await.unwrap();
    }
}

#[tokio::test]
async fn a_launch_outlasts_trouble_of_sts() {
    let double = double_with_role().await;
    double.inject(Fault::Throttle { op: "AssumeRole", times: 12 });
    launcher(&double, config_with_role()).await.launch(&spec()).await.unwrap();
    assert_eq!(double.tasks().len(), 1);
}

#[tokio::test]
async fn a_silent_sts_is_not_a_lost_launch() {
    let double = double_with_role().await;
    double.inject(Fault::Delay { op: "AssumeRole", by: Duration::from_secs(60), times: 1000 });
    let mut config = config_with_role();
    config.pace.api_timeout = Duration::from_secs(1);
    config.launch_timeout = Duration::from_millis(100);
    let launcher = launcher(&double, config).await;
    let error = launcher.launch(&spec()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    assert_eq!(error.context_value("role"), Some(ROLE));
    advises(&error, "STS");
    assert_eq!(double.calls().get("RunTask"), None);
}

#[derive(Debug)]
struct Silent;

impl ProvideCredentials for Silent {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(std::future::pending())
    }
}

#[tokio::test]
async fn a_silent_metadata_service_is_not_a_lost_launch() {
    let double = double_with_role().await;
    let mut config = config();
    config.pace.api_timeout = Duration::from_secs(1);
    config.launch_timeout = Duration::from_millis(100);
    let mut sdk = sdk(&double).into_builder();
    sdk.set_credentials_provider(Some(SharedCredentialsProvider::new(Silent)));
    let launcher = EcsLauncher::with_sdk_config(config, sdk.build()).await.unwrap();
    let error = launcher.launch(&spec()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    assert_eq!(error.context_value("role"), None);
    advises(&error, "metadata service");
    assert!(double.calls().is_empty());
}

#[tokio::test]
async fn an_sts_that_cannot_be_reached_is_a_failed_connection() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    let credentials = Credentials::new("AKIDEXAMPLE", "secret", None, None, "test");
    let sdk = sdk_with(&url, "eu-central-1", credentials);
    let launcher = EcsLauncher::with_sdk_config(config_with_role(), sdk).await.unwrap();
    let error = listing(&Arc::new(launcher)).await;
    assert_eq!(error.kind(), ErrorKind::ConnectFailed, "{error:?}");
    advises(&error, "STS");
}

#[tokio::test]
async fn expired_and_missing_credentials_for_a_role_are_to_be_renewed() {
    let double = double_with_role().await;
    double.inject(Fault::ExpiredToken { times: 1 });
    let error = listing(&launcher(&double, config_with_role()).await).await;
    assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{error:?}");
    assert_eq!(error.context_value("aws code"), Some("ExpiredToken"));
    advises(&error, "renew");

    let (id, secret) = double.credentials();
    let credentials = Credentials::new(id, secret, None, None, "test");
    let mut none = sdk_with(&double.url(), double.region(), credentials).into_builder();
    none.set_credentials_provider(None);
    let launcher = EcsLauncher::with_sdk_config(config_with_role(), none.build()).await.unwrap();
    let error = listing(&Arc::new(launcher)).await;
    assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{error:?}");
    advises(&error, "instance role");
}
