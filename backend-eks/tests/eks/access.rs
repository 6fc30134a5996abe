//! The ways into a cluster.

use std::io::Write;
use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use fargate_backend_eks::{AssumeRole, ClusterAccess, EksConfig, EksLauncher};
use fargate_core::{ErrorKind, TaskLauncher};
use fargate_test_support::ecs::{AssumableRole, EcsDouble, EcsOptions, TaskProgram};
use fargate_test_support::eks::{EksDouble, EksOptions, Fault, Trouble};
use tokio::time::sleep;

use crate::bench::{GRACE, api_double, config, launcher, spec};

/// The settings for the double as an EKS cluster called `name`.
pub(crate) fn by_name(double: &EksDouble, name: &str) -> EksConfig {
    let mut access = ClusterAccess::cluster(name);
    if let ClusterAccess::Cluster { endpoint_override, .. } = &mut access {
        *endpoint_override = Some(double.url());
    }
    config(access)
}

/// AWS's configuration, not from the environment of the test.
pub(crate) fn sdk(double: &EksDouble, secret: &str) -> SdkConfig {
    let (id, _) = double.credentials();
    let credentials = Credentials::new(id, secret, None, None, "test");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(double.options().region.clone()))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build()
}

#[tokio::test]
async fn a_cluster_by_name_takes_the_token_made_from_the_aws_credentials() {
    let double = api_double().await;
    let (_, secret) = double.credentials();
    let config = by_name(&double, &double.options().cluster);
    let launcher = EksLauncher::with_sdk_config(config, sdk(&double, secret)).await.unwrap();
    let spec = spec();
    let task = launcher.launch(&spec).await.unwrap();
    assert_eq!(launcher.list(spec.owner.as_str()).await.unwrap().len(), 1);
    launcher.stop(&task, GRACE).await.unwrap();
    assert_eq!(double.calls()["get clusters"], 1);
}

#[tokio::test]
async fn a_cluster_that_eks_does_not_know_is_named() {
    let double = api_double().await;
    let (_, secret) = double.credentials();
    let config = by_name(&double, "other");
    let error =
        EksLauncher::with_sdk_config(config, sdk(&double, secret)).await.expect_err("unknown");
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error:?}");
    assert_eq!(error.context_value("cluster"), Some("other"));
    assert!(error.advice().is_some_and(|hint| hint.contains("Region")), "{error:?}");
}

#[tokio::test]
async fn wrong_credentials_and_missing_rights_are_told_apart() {
    let double = api_double().await;
    let (_, secret) = double.credentials();
    let config = by_name(&double, &double.options().cluster);
    let error = EksLauncher::with_sdk_config(config.clone(), sdk(&double, "wrong"))
        .await
        .expect_err("a wrong signature");
    assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{error:?}");
    double.inject(Fault::new("get", "clusters", Trouble::Forbidden));
    let error =
        EksLauncher::with_sdk_config(config, sdk(&double, secret)).await.expect_err("no policy");
    assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error:?}");
    assert!(error.advice().is_some_and(|hint| hint.contains("eks:DescribeCluster")), "{error:?}");
}

const ROLE: &str = "arn:aws:iam::123456789012:role/ci";

/// A double that lets nobody in but `ROLE`.
async fn double_for_the_role(session: Option<Duration>) -> EksDouble {
    let role = AssumableRole { arn: ROLE.to_owned(), external_id: None };
    let options = EksOptions {
        program: TaskProgram::None,
        roles: vec![role],
        session,
        access_entries: vec![ROLE.to_owned()],
        ..EksOptions::default()
    };
    EksDouble::start(options).await
}

/// A launcher whose STS and EKS are the double, with `role` on top of its user's credentials.
pub(crate) async fn launcher_as(double: &EksDouble, role: Option<&str>) -> EksLauncher {
    let mut config = by_name(double, &double.options().cluster);
    if let ClusterAccess::Cluster { assume_role, .. } = &mut config.access {
        *assume_role = role.map(AssumeRole::new);
    }
    let (_, secret) = double.credentials();
    let sdk = sdk(double, secret).into_builder().endpoint_url(double.url()).build();
    EksLauncher::with_sdk_config(config, sdk).await.expect("the cluster is found")
}

#[tokio::test]
async fn the_cluster_is_shown_the_role_and_not_who_took_it() {
    let double = double_for_the_role(None).await;
    let user = launcher_as(&double, None).await;
    let error = user.launch(&spec()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{error:?}");
    assert!(error.advice().is_some_and(|hint| hint.contains("access entry")), "{error:?}");

    let role = launcher_as(&double, Some(ROLE)).await;
    let task = role.launch(&spec()).await.unwrap();
    role.stop(&task, GRACE).await.unwrap();
    // One for the question to EKS, one for the token.
    assert_eq!(double.calls()["AssumeRole"], 2);
}

#[tokio::test]
async fn a_token_made_with_a_role_is_renewed_when_the_roles_credentials_end() {
    let session = Duration::from_secs(5);
    let double = double_for_the_role(Some(session)).await;
    let launcher = launcher_as(&double, Some(ROLE)).await;
    let spec = spec();
    launcher.launch(&spec).await.unwrap();
    sleep(session).await;
    assert_eq!(launcher.list(spec.owner.as_str()).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_role_that_may_not_be_taken_is_named_with_the_remedy() {
    let double = double_for_the_role(None).await;
    let mut config = by_name(&double, &double.options().cluster);
    if let ClusterAccess::Cluster { assume_role, .. } = &mut config.access {
        *assume_role = Some(AssumeRole::new("arn:aws:iam::123456789012:role/other"));
    }
    let (_, secret) = double.credentials();
    let sdk = sdk(&double, secret).into_builder().endpoint_url(double.url()).build();
    let error = EksLauncher::with_sdk_config(config, sdk).await.expect_err("no such role");
    assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error:?}");
    assert_eq!(error.context_value("aws code"), Some("AccessDenied"));
    assert!(error.message().contains("role/other"), "{error:?}");
    assert!(error.advice().is_some_and(|hint| hint.contains("trust policy")), "{error:?}");
}

#[tokio::test]
async fn the_role_of_the_settings_is_taken_before_eks_is_asked() {
    let double = api_double().await;
    for known in [false, true] {
        let role = AssumableRole { arn: ROLE.to_owned(), external_id: None };
        let options = EcsOptions {
            program: TaskProgram::None,
            roles: if known { vec![role] } else { Vec::new() },
            ..EcsOptions::default()
        };
        let sts = EcsDouble::start(options).await;
        let mut config = by_name(&double, &double.options().cluster);
        if let ClusterAccess::Cluster { assume_role, .. } = &mut config.access {
            *assume_role = Some(AssumeRole::new(ROLE));
        }
        let (_, secret) = double.credentials();
        let sdk = sdk(&double, secret).into_builder().endpoint_url(sts.url()).build();
        let error = EksLauncher::with_sdk_config(config, sdk).await.expect_err("not let in");
        // The double's EKS knows the keys of the role as little as it may be taken.
        let kind = if known { ErrorKind::Unauthenticated } else { ErrorKind::PermissionDenied };
        assert_eq!(error.kind(), kind, "{error:?}");
        assert_eq!(error.context_value("role"), Some(ROLE));
        assert_eq!(sts.calls()["AssumeRole"], 1);
        assert_eq!(double.calls().get("get clusters").copied(), known.then_some(1));
    }
}

#[tokio::test]
async fn a_handle_of_another_cluster_is_refused() {
    let (double, other) = (api_double().await, api_double().await);
    let there = launcher(&other).await;
    let task = there.launch(&spec()).await.unwrap();
    let error = launcher(&double).await.stop(&task, GRACE).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error:?}");
    assert_eq!(other.running(), 1);
}

#[tokio::test]
async fn a_kubeconfig_that_cannot_be_used_is_named() {
    let double = api_double().await;
    let path = double.kubeconfig();
    let wrong_context =
        ClusterAccess::Kubeconfig { path: Some(path), context: Some("nowhere".to_owned()) };
    let missing = ClusterAccess::kubeconfig("/nowhere/kubeconfig");
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"{ no yaml").unwrap();
    let broken = ClusterAccess::kubeconfig(file.path());
    for access in [wrong_context, missing, broken] {
        let error = EksLauncher::connect(config(access.clone())).await.expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::InvalidConfig, "{access:?}: {error:?}");
        assert!(error.advice().is_some());
    }
}
