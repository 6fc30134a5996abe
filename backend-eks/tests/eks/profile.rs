//! The look at the Fargate profiles before a launch.

use std::sync::Arc;
use std::time::Duration;

use fargate_backend_eks::{EksConfig, EksLauncher};
use fargate_core::{ErrorKind, TaskLauncher};
use fargate_test_support::eks::{
    EksDouble, EksOptions, FargateProfile, Fault, ProfileSelector, TaskProgram, Trouble,
};

use crate::access::{by_name, sdk};
use crate::bench::{api_double, launcher, spec};

async fn double_with(profiles: Vec<FargateProfile>) -> EksDouble {
    let program = TaskProgram::None;
    EksDouble::start(EksOptions { program, profiles, ..EksOptions::default() }).await
}

fn config(double: &EksDouble) -> EksConfig {
    by_name(double, &double.options().cluster)
}

async fn connected(double: &EksDouble, config: EksConfig) -> Arc<EksLauncher> {
    let (_, secret) = double.credentials();
    Arc::new(EksLauncher::with_sdk_config(config, sdk(double, secret)).await.expect("connects"))
}

/// How often the cluster was asked `call`.
fn calls(double: &EksDouble, call: &str) -> u64 {
    double.calls().get(call).copied().unwrap_or(0)
}

#[tokio::test]
async fn a_pod_that_no_profile_takes_is_refused_before_it_is_created() {
    let double = api_double().await;
    let mut config = config(&double);
    config.namespace = "unmatched".to_owned();
    config.labels.insert("team".to_owned(), "build".to_owned());
    let error = connected(&double, config).await.launch(&spec()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidConfig, "{error:?}");
    assert!(error.message().contains("namespace unmatched with the labels"), "{error}");
    assert!(error.message().contains("team=build"), "{error}");
    assert_eq!(
        error.context_value("profile"),
        Some("ci-profile (ACTIVE): namespace ci, or namespace default")
    );
    assert_eq!(calls(&double, "create pods"), 0);
}

#[tokio::test]
async fn a_pod_that_is_there_is_found_although_no_profile_takes_it_any_more() {
    let selector = ProfileSelector::namespace("ci").label("team", "build");
    let double = double_with(vec![FargateProfile::active("builds", &[selector])]).await;
    let (mut before, after, spec) = (config(&double), config(&double), spec());
    before.labels.insert("team".to_owned(), "build".to_owned());
    let task = connected(&double, before).await.launch(&spec).await.unwrap();
    let launcher = connected(&double, after).await;
    assert_eq!(launcher.launch(&spec).await.unwrap().id(), task.id());
    let error = launcher.launch(&crate::bench::spec()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidConfig, "{error:?}");
}

#[tokio::test]
async fn a_refusal_stays_one_where_the_pods_of_before_cannot_be_looked_for() {
    let double = double_with(Vec::new()).await;
    for trouble in [Trouble::Forbidden, Trouble::ServerError] {
        double.inject(Fault::new("get", "pods", trouble).always());
        let launcher = connected(&double, config(&double)).await;
        let error = launcher.launch(&spec()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidConfig, "{error:?}");
        assert!(error.message().contains("Fargate would never take the pod"), "{error:?}");
        assert!(error.context_value("a pod of before").is_some(), "{error:?}");
        double.clear_faults();
    }
    assert_eq!(calls(&double, "create pods"), 0);
}

#[tokio::test]
async fn a_selectors_labels_count_as_the_pod_finally_has_them() {
    let selector = ProfileSelector::namespace("c?").label("team", "build-*");
    let double = double_with(vec![
        FargateProfile::active("other", &[ProfileSelector::namespace("elsewhere")]),
        FargateProfile::active("builds", &[selector]),
    ])
    .await;
    for (team, taken) in [("build-7", true), ("deploy", false)] {
        let mut config = config(&double);
        config.labels.insert("team".to_owned(), team.to_owned());
        // A label of the job is one of the pod, too, but does not replace the operator's.
        let spec = spec().label("team", "build-9");
        let launched = connected(&double, config).await.launch(&spec).await;
        assert_eq!(launched.is_ok(), taken, "{team}: {launched:?}");
    }
    let spec = spec().label("team", "build-9");
    connected(&double, config(&double)).await.launch(&spec).await.unwrap();
}

#[tokio::test]
async fn a_profile_that_is_not_active_takes_no_pod() {
    let mut profile = FargateProfile::active("new", &[ProfileSelector::namespace("ci")]);
    profile.status = "CREATING".to_owned();
    let double = double_with(vec![profile]).await;
    let launcher = connected(&double, config(&double)).await;
    let error = launcher.launch(&spec()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
    assert_eq!(error.context_value("profile"), Some("new (CREATING): namespace ci"));
}

#[tokio::test]
async fn a_profile_that_took_a_pod_is_not_asked_for_again() {
    let double = api_double().await;
    let launcher = connected(&double, config(&double)).await;
    for _ in 0..3 {
        launcher.launch(&spec()).await.unwrap();
    }
    assert_eq!(calls(&double, "list fargate-profiles"), 1);
    assert_eq!(calls(&double, "get fargate-profiles"), 1);
}

#[tokio::test]
async fn a_pod_for_other_nodes_is_launched_without_a_profile() {
    let double = double_with(Vec::new()).await;
    let mut config = config(&double);
    let error = connected(&double, config.clone()).await.launch(&spec()).await.unwrap_err();
    assert!(error.message().contains("has no Fargate profile"), "{error}");
    config.node_selector.insert("pool".to_owned(), "ci".to_owned());
    connected(&double, config).await.launch(&spec()).await.unwrap();
}

#[tokio::test]
async fn where_eks_does_not_answer_the_pod_is_launched_all_the_same() {
    let silence = Trouble::Delay(Duration::from_secs(3600));
    for (verb, trouble) in [
        ("list", Trouble::Forbidden),
        ("get", Trouble::Forbidden),
        ("list", Trouble::ServerError),
        ("list", Trouble::Throttled { retry_after: None }),
        ("list", silence),
    ] {
        let double = api_double().await;
        double.inject(Fault::new(verb, "fargate-profiles", trouble.clone()).always());
        let mut config = config(&double);
        config.namespace = "unmatched".to_owned();
        config.pace.api_timeout = Duration::from_secs(1);
        let launched = connected(&double, config).await.launch(&spec()).await;
        launched.unwrap_or_else(|error| panic!("{trouble:?}: {error}"));
    }
}

#[tokio::test]
async fn with_a_kubeconfig_eks_is_not_asked() {
    let double = api_double().await;
    launcher(&double).await.launch(&spec()).await.unwrap();
    assert_eq!(calls(&double, "list fargate-profiles"), 0);
}
