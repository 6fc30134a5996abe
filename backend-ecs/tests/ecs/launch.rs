//! Launching: idempotency, places, and every way AWS says no.

use std::time::Duration;

use crate::bench::{api_double, config, launcher, sdk, sdk_with, spec};
use aws_credential_types::Credentials;
use fargate_backend_ecs::{CapacityProvider, EcsConfig, EcsLauncher};
use fargate_core::{ErrorKind, TaskLauncher};
use fargate_test_support::ecs::{EcsDouble, EcsOptions, Fault, TaskProgram};

fn subnets() -> Vec<String> {
    EcsOptions::default().subnets
}

#[tokio::test]
async fn throttling_that_outlasts_the_sdk_is_borne() {
    let double = api_double().await;
    double.inject(Fault::Throttle { op: "RunTask", times: 12 });
    launcher(&double, config()).await.launch(&spec()).await.unwrap();
    assert_eq!(double.tasks().len(), 1);
    assert_eq!(double.calls()["RunTask"], 13);
}

#[tokio::test]
async fn server_errors_that_outlast_the_sdk_are_borne() {
    let double = api_double().await;
    double.inject(Fault::ServerError { op: "RunTask", times: 12 });
    launcher(&double, config()).await.launch(&spec()).await.unwrap();
    assert_eq!(double.tasks().len(), 1);
}

#[tokio::test]
async fn throttling_without_end_is_reported_as_such() {
    let double = api_double().await;
    double.inject(Fault::Throttle { op: "RunTask", times: u32::MAX });
    let mut config = config();
    config.launch_timeout = Duration::from_millis(200);
    let error = launcher(&double, config).await.launch(&spec()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Throttled);
    assert!(error.context_value("aws code").is_some_and(|code| code.contains("Throttling")));
    assert!(error.context_value("request id").is_some());
    assert!(double.tasks().is_empty());
}

#[tokio::test]
async fn the_callers_limit_ends_a_launch_too() {
    let double = api_double().await;
    double.inject(Fault::capacity(u32::MAX));
    let mut config = config();
    config.launch_timeout = Duration::from_secs(3600);
    let spec = spec().launch_timeout(Duration::from_millis(100));
    let launcher = launcher(&double, config).await;
    let launch = tokio::time::timeout(Duration::from_secs(60), launcher.launch(&spec));
    let error = launch.await.expect("an end").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Capacity, "{error:?}");
}

#[tokio::test]
async fn a_limit_without_end_is_borne() {
    let double = api_double().await;
    double.inject(Fault::capacity(1));
    let mut config = config();
    config.launch_timeout = Duration::MAX;
    config.pace.api_patience = Duration::MAX;
    let spec = spec().launch_timeout(Duration::MAX);
    launcher(&double, config).await.launch(&spec).await.unwrap();
    assert_eq!(double.tasks().len(), 1);
}

#[tokio::test]
async fn failures_without_a_task_are_read() {
    let double = api_double().await;
    double.inject(Fault::CapacityFailures { times: 1, reason: "ATTRIBUTE".to_owned() });
    let error = launcher(&double, config()).await.launch(&spec()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
    assert!(error.message().contains("ATTRIBUTE"), "{error}");
}

#[tokio::test]
async fn a_full_place_is_tried_again_until_there_is_room() {
    let double = api_double().await;
    double.inject(Fault::capacity(4));
    double.inject(Fault::CapacityFailures { times: 3, reason: "RESOURCE:ENI".to_owned() });
    let spec = spec();
    let launcher = launcher(&double, config()).await;
    launcher.launch(&spec).await.unwrap();
    assert_eq!(double.calls()["RunTask"], 8);
    let tokens: std::collections::BTreeSet<_> = double
        .requests("RunTask")
        .iter()
        .map(|request| request["clientToken"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(tokens.len(), 8, "an attempt with other parameters needs its own token");
    assert!(tokens.contains(spec.key.as_str()));
    assert!(tokens.iter().all(|token| token.len() <= 64));
}

#[tokio::test]
async fn a_full_subnet_sends_the_task_to_the_next() {
    let double = api_double().await;
    for subnet in &subnets()[..2] {
        double.inject(Fault::no_room_in(subnet));
    }
    let mut config = config();
    config.subnets = subnets();
    launcher(&double, config).await.launch(&spec()).await.unwrap();
    assert_eq!(double.tasks()[0].subnet, subnets()[2]);
    assert!(double.calls()["RunTask"] <= 4, "all together, then each alone");
}

#[tokio::test]
async fn a_full_spot_market_falls_back_to_on_demand() {
    let double = api_double().await;
    double.inject(Fault::no_room_on("FARGATE_SPOT"));
    let mut config = config();
    config.capacity_providers = vec![
        CapacityProvider::new("FARGATE_SPOT").weight(1),
        CapacityProvider::new("FARGATE").weight(0),
    ];
    launcher(&double, config).await.launch(&spec()).await.unwrap();
    assert_eq!(double.tasks()[0].capacity_provider.as_deref(), Some("FARGATE"));
}

#[tokio::test]
async fn no_room_anywhere_names_every_place() {
    let double = api_double().await;
    for subnet in &subnets() {
        double.inject(Fault::no_room_in(subnet));
    }
    let mut config = config();
    config.subnets = subnets();
    config.capacity_providers =
        vec![CapacityProvider::new("FARGATE_SPOT"), CapacityProvider::new("FARGATE")];
    config.launch_timeout = Duration::from_millis(100);
    let error = launcher(&double, config).await.launch(&spec()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Capacity);
    let places = error.context_value("places").unwrap();
    for subnet in subnets() {
        for provider in ["FARGATE", "FARGATE_SPOT"] {
            assert!(places.contains(&format!("{subnet} on {provider}")), "{places}");
        }
    }
    assert!(error.report().to_string().contains("Capacity is unavailable"), "{error:?}");
    let rounds = error.context_value("rounds").unwrap();
    assert_eq!(double.calls()["ListTasks"].to_string(), rounds, "one look for all places");
    assert!(error.advice().is_some());
    assert!(double.tasks().is_empty());
}

#[tokio::test]
async fn a_call_that_meets_the_task_of_another_rung_takes_it() {
    let double = api_double().await;
    double.inject(Fault::capacity(1));
    let spec = spec();
    let first = launcher(&double, config()).await.launch(&spec).await.unwrap();
    double.inject(Fault::capacity(1));
    let second = launcher(&double, config()).await.launch(&spec).await.unwrap();
    assert_eq!(first.id(), second.id());
    assert_eq!(double.tasks().len(), 1);
}

#[tokio::test]
async fn the_same_key_with_other_parameters_adopts_the_task() {
    let double = api_double().await;
    let launcher = launcher(&double, config()).await;
    let spec = spec();
    let first = launcher.launch(&spec).await.unwrap();
    let mut other = spec.clone();
    other.authorized_key = format!("{} changed", crate::bench::KEY);
    assert_eq!(launcher.launch(&other).await.unwrap().id(), first.id());
    assert_eq!(double.tasks().len(), 1);
}

#[tokio::test]
async fn the_key_of_another_owner_is_a_conflict() {
    let double = api_double().await;
    let launcher = launcher(&double, config()).await;
    let spec = spec();
    launcher.launch(&spec).await.unwrap();
    let mut other = crate::bench::spec();
    other.key = spec.key;
    let error = launcher.launch(&other).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error:?}");
    assert_eq!(double.tasks().len(), 1);
}

#[tokio::test]
async fn without_the_right_to_tag_the_task_starts_all_the_same() {
    let double = api_double().await;
    double.inject(Fault::DenyTags);
    let launcher = launcher(&double, config()).await;
    let spec = spec();
    let task = launcher.launch(&spec).await.unwrap();
    assert_eq!(launcher.launch(&spec).await.unwrap().id(), task.id());
    assert!(double.tasks()[0].tags.is_empty());
    let listed = launcher.list(spec.owner.as_str()).await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!((listed[0].id(), listed[0].key()), (task.id(), None));
}

#[tokio::test]
async fn tags_and_owner_reach_aws() {
    let double = api_double().await;
    let mut config = config();
    config.tags.insert("team".to_owned(), "platform".to_owned());
    let spec = spec().label("project", "group/app");
    launcher(&double, config).await.launch(&spec).await.unwrap();
    let task = &double.tasks()[0];
    assert_eq!(task.key.as_deref(), Some(spec.key.as_str()));
    assert_eq!(task.started_by.as_deref(), Some(spec.owner.as_str()));
    assert_eq!(task.tags["fargate:owner"], spec.owner.as_str());
    assert_eq!(task.tags["team"], "platform");
    assert_eq!(task.tags["project"], "group/app");
    assert_eq!(task.public_key.as_deref(), Some(crate::bench::KEY));
}

#[tokio::test]
async fn every_refusal_names_the_remedy() {
    type Change = fn(&mut EcsConfig);
    let table: [(Change, ErrorKind, &str); 6] = [
        (|c| c.cluster = "gone".to_owned(), ErrorKind::NotFound, "Cluster"),
        (|c| c.task_definition = "gone:1".to_owned(), ErrorKind::NotFound, "TaskDefinition"),
        (|c| c.task_definition = "plain-task".to_owned(), ErrorKind::InvalidConfig, "container"),
        (|c| c.subnets = vec!["subnet-gone".to_owned()], ErrorKind::InvalidConfig, "Subnet"),
        (
            |c| c.security_groups = vec!["sg-gone".to_owned()],
            ErrorKind::InvalidConfig,
            "SecurityGroup",
        ),
        (
            |c| c.capacity_providers = vec![CapacityProvider::new("GONE")],
            ErrorKind::InvalidConfig,
            "capacity provider",
        ),
    ];
    let double = api_double().await;
    for (change, kind, word) in table {
        let mut config = config();
        change(&mut config);
        let error = launcher(&double, config).await.launch(&spec()).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error:?}");
        assert!(error.advice().is_some_and(|hint| hint.contains(word)), "{word}: {error:?}");
        assert!(error.context_value("aws code").is_some(), "{error:?}");
    }
}

#[tokio::test]
async fn a_cluster_without_default_capacity_asks_for_a_launch_type() {
    let options = EcsOptions {
        program: TaskProgram::None,
        default_capacity_provider: false,
        ..EcsOptions::default()
    };
    let double = EcsDouble::start(options).await;
    let error = launcher(&double, config()).await.launch(&spec()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
    assert!(error.advice().is_some_and(|hint| hint.contains("LaunchType")), "{error:?}");
    let mut config = config();
    config.launch_type = Some("FARGATE".to_owned());
    launcher(&double, config).await.launch(&spec()).await.unwrap();
}

#[tokio::test]
async fn a_missing_right_is_named() {
    let double = api_double().await;
    double.inject(Fault::Deny { op: "RunTask" });
    let error = launcher(&double, config()).await.launch(&spec()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    assert!(error.advice().is_some_and(|hint| hint.contains("ecs:RunTask")), "{error:?}");
    assert_eq!(double.calls()["RunTask"], 1, "asking again would not help");
}

#[tokio::test]
async fn expired_wrong_and_missing_credentials_are_the_operators_to_renew() {
    let double = api_double().await;
    double.inject(Fault::ExpiredToken { times: 1 });
    let error = launcher(&double, config()).await.launch(&spec()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{error:?}");

    let wrong = Credentials::new("AKIDEXAMPLE", "wrong", None, None, "test");
    let sdk_wrong = sdk_with(&double.url(), double.region(), wrong);
    let launcher = EcsLauncher::with_sdk_config(config(), sdk_wrong).await.unwrap();
    let error = launcher.launch(&spec()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{error:?}");

    let mut none = sdk(&double).into_builder();
    none.set_credentials_provider(None);
    let launcher = EcsLauncher::with_sdk_config(config(), none.build()).await.unwrap();
    let error = launcher.launch(&spec()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{error:?}");
    assert!(error.advice().is_some());
}

#[tokio::test]
async fn an_unreachable_api_is_a_failed_connection() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    let credentials = Credentials::new("AKIDEXAMPLE", "secret", None, None, "test");
    let sdk = sdk_with(&url, "eu-central-1", credentials);
    let launcher = EcsLauncher::with_sdk_config(impatient(), sdk).await.unwrap();
    let error = launcher.launch(&spec()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectFailed, "{error:?}");
}

#[tokio::test]
async fn an_api_without_good_tls_is_a_failed_connection() {
    let double = api_double().await;
    let (id, secret) = double.credentials();
    let credentials = Credentials::new(id, secret, None, None, "test");
    // The double speaks plain HTTP.
    let url = double.url().replace("http:", "https:");
    let launcher =
        EcsLauncher::with_sdk_config(impatient(), sdk_with(&url, double.region(), credentials));
    let error = launcher.await.unwrap().launch(&spec()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectFailed, "{error:?}");
}

fn impatient() -> EcsConfig {
    let mut config = config();
    config.pace.api_patience = Duration::from_millis(100);
    config
}

#[tokio::test]
async fn contradictions_and_an_unknown_region_are_found_before_any_call() {
    let double = api_double().await;
    let mut config = config();
    config.subnets.clear();
    let error = EcsLauncher::with_sdk_config(config, sdk(&double)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);

    let mut sdk = sdk(&double).into_builder();
    sdk.set_region(None);
    let error =
        EcsLauncher::with_sdk_config(crate::bench::config(), sdk.build()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
    assert!(error.advice().is_some_and(|hint| hint.contains("Region")), "{error:?}");
    assert!(double.calls().is_empty());
}
