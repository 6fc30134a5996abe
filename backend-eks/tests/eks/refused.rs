//! Refusals: each has a kind, names what was asked for and says what to do.

use fargate_core::{ErrorKind, TaskLauncher};
use fargate_test_support::eks::{Fault, Trouble};

use crate::bench::{api_double, config_for, launcher, launcher_with, spec};

#[tokio::test]
async fn a_missing_right_names_the_rule_to_add() {
    let double = api_double().await;
    let launcher = launcher(&double).await;
    double.inject(Fault::new("create", "pods", Trouble::Forbidden));
    let error = launcher.launch(&spec()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    let hint = error.advice().unwrap_or_default();
    assert_eq!(
        hint,
        "bind \"ci\" to a Role in namespace ci with the rule {apiGroups: [\"\"], resources: \
         [\"pods\"], verbs: [\"create\"]}"
    );
    double.inject(Fault::new("list", "pods", Trouble::Forbidden));
    let error = launcher.list("owner").await.unwrap_err();
    assert!(error.advice().is_some_and(|hint| hint.contains("verbs: [\"list\"]")), "{error:?}");
    assert_eq!(double.running(), 0);
}

#[tokio::test]
async fn a_token_that_is_not_taken_is_told_as_that() {
    let double = api_double().await;
    let launcher = launcher(&double).await;
    double.inject(Fault::new("create", "pods", Trouble::Unauthorized));
    let error = launcher.launch(&spec()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthenticated);
    assert_eq!(double.calls()["create pods"], 1);
}

#[tokio::test]
async fn a_namespace_that_is_not_there_is_named() {
    let double = api_double().await;
    let mut config = config_for(&double);
    config.namespace = "nowhere".to_owned();
    let launcher = launcher_with(config).await;
    let error = launcher.launch(&spec()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error:?}");
    assert_eq!(error.context_value("namespace"), Some("nowhere"));
    assert!(error.advice().is_some_and(|hint| hint.contains("nowhere")), "{error:?}");
}

#[tokio::test]
async fn a_pod_that_the_cluster_finds_invalid_names_the_field() {
    let double = api_double().await;
    let mut config = config_for(&double);
    config.service_account = Some("nobody".to_owned());
    let launcher = launcher_with(config).await;
    let error = launcher.launch(&spec()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
    assert!(error.advice().is_some_and(|hint| hint.contains("service account")), "{error:?}");
}

#[tokio::test]
async fn a_list_that_grew_too_old_is_begun_again() {
    let double = api_double().await;
    let launcher = launcher(&double).await;
    let spec = spec();
    launcher.launch(&spec).await.unwrap();
    double.inject(Fault::new("list", "pods", Trouble::Expired).times(1));
    assert_eq!(launcher.list(spec.owner.as_str()).await.unwrap().len(), 1);
}
