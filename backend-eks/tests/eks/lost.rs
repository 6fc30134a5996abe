//! Answers that are lost: never two pods, and never a pod that nobody can find.

use std::time::Duration;

use fargate_core::{ErrorKind, TaskLauncher};
use fargate_test_support::eks::{Fault, Trouble};

use crate::bench::{api_double, launcher, spec};

#[tokio::test]
async fn a_lost_answer_to_the_creation_is_one_pod() {
    let double = api_double().await;
    let launcher = launcher(&double).await;
    for trouble in [Trouble::CutAfter, Trouble::CutBefore] {
        double.inject(Fault::new("create", "pods", trouble));
        let spec = spec();
        let task = launcher.launch(&spec).await.unwrap();
        let found = launcher.list(spec.owner.as_str()).await.unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].id(), task.id());
    }
    assert_eq!(double.running(), 2);
}

#[tokio::test]
async fn a_lost_answer_at_the_deadline_finds_the_pod_all_the_same() {
    let double = api_double().await;
    let launcher = launcher(&double).await;
    double.inject(Fault::new("create", "pods", Trouble::CutAfter));
    let spec = spec().launch_timeout(Duration::ZERO);
    let task = launcher.launch(&spec).await.unwrap();
    assert_eq!(task.key(), Some(spec.key.as_str()));
    assert_eq!(double.calls()["create pods"], 1);
}

#[tokio::test]
async fn an_answer_that_stays_lost_is_an_unknown_outcome() {
    let double = api_double().await;
    let launcher = launcher(&double).await;
    for (trouble, kind) in [
        (Trouble::CutBefore, ErrorKind::ConnectionLost),
        (Trouble::ServerError, ErrorKind::ConnectionLost),
        (Trouble::Throttled { retry_after: None }, ErrorKind::Throttled),
    ] {
        double.inject(Fault::new("create", "pods", trouble.clone()));
        let spec = spec().launch_timeout(Duration::ZERO);
        let error = launcher.launch(&spec).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{trouble:?}: {error:?}");
    }
    assert_eq!(double.running(), 0);
}

#[tokio::test]
async fn a_pod_that_may_not_be_looked_at_is_an_unknown_outcome() {
    let double = api_double().await;
    let launcher = launcher(&double).await;
    double.inject(Fault::new("get", "pods", Trouble::Forbidden).always());
    let spec = spec();
    launcher.launch(&spec).await.unwrap();
    let error = launcher.launch(&spec).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionLost, "{error:?}");
    assert!(error.advice().is_some_and(|hint| hint.contains("verbs: [\"get\"]")), "{error:?}");
}

#[tokio::test]
async fn questions_bear_short_trouble() {
    let double = api_double().await;
    let launcher = launcher(&double).await;
    let spec = spec();
    let task = launcher.launch(&spec).await.unwrap();
    double.inject(Fault::new("get", "pods", Trouble::CutBefore));
    double.inject(Fault::new("get", "pods", Trouble::ServerError));
    launcher.status(&task).await.unwrap();
    double.inject(Fault::new("list", "pods", Trouble::Throttled { retry_after: None }).times(2));
    assert_eq!(launcher.list(spec.owner.as_str()).await.unwrap().len(), 1);
    double.inject(Fault::new("delete", "pods", Trouble::CutAfter));
    launcher.stop(&task, Duration::from_secs(1)).await.unwrap();
    double.inject(Fault::new("get", "pods", Trouble::Unavailable).times(3));
    let error = launcher.status(&task).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
}
