//! Ending pods, and keys that stay dead.

use std::time::Duration;

use fargate_core::{ErrorKind, TaskLauncher};
use fargate_test_support::eks::{Fault, Trouble};
use serde_json::json;

use crate::bench::{GRACE, api_double, launcher, name, running, spec};

#[tokio::test]
async fn a_stop_gives_the_grace_and_names_the_very_pod() {
    let double = api_double().await;
    let launcher = launcher(&double).await;
    let task = launcher.launch(&spec()).await.unwrap();
    running(&launcher, &task).await;
    let uid = double.pod(&name(&task)).uid;
    launcher.stop(&task, Duration::from_millis(1500)).await.unwrap();
    let sent = double.requests("delete pods");
    assert_eq!(sent[0]["gracePeriodSeconds"], 2, "rounded up");
    assert_eq!(sent[0]["preconditions"], json!({"uid": uid}));
    assert!(double.pod(&name(&task)).gone);
    let error = launcher.status(&task).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn a_pod_of_the_same_name_that_came_later_is_left_alone() {
    let double = api_double().await;
    let launcher = launcher(&double).await;
    // Without marks the key is free again.
    double.inject(Fault::new("create", "configmaps", Trouble::Forbidden).always());
    let spec = spec();
    let first = launcher.launch(&spec).await.unwrap();
    launcher.stop(&first, GRACE).await.unwrap();
    let second = launcher.launch(&spec).await.unwrap();
    assert_eq!(first.id(), second.id());
    assert_eq!(launcher.status(&first).await.unwrap_err().kind(), ErrorKind::NotFound);
    launcher.stop(&first, GRACE).await.unwrap();
    assert_eq!(double.running(), 1);
    launcher.status(&second).await.unwrap();
}

#[tokio::test]
async fn a_change_at_the_moment_of_the_deletion_does_not_save_the_pod() {
    let double = api_double().await;
    let launcher = launcher(&double).await;
    let task = launcher.launch(&spec()).await.unwrap();
    running(&launcher, &task).await;
    double.inject(Fault::new("delete", "pods", Trouble::Conflict));
    launcher.stop(&task, GRACE).await.unwrap();
    assert_eq!(double.running(), 0);
}

#[tokio::test]
async fn a_key_that_was_stopped_while_its_creation_was_under_way_stays_dead() {
    let double = api_double().await;
    let launcher = launcher(&double).await;
    let spec = spec();
    let task = launcher.launch(&spec).await.unwrap();
    launcher.stop(&task, GRACE).await.unwrap();
    let again = launcher.launch(&spec).await.unwrap_err();
    assert_eq!(again.kind(), ErrorKind::Conflict);
    assert!(again.message().contains("stopped before"), "{again}");
    assert_eq!(double.running(), 0);
    assert_eq!(double.calls()["create pods"], 2, "seen only after the creation");
}

#[tokio::test]
async fn old_marks_are_forgotten_and_new_ones_kept() {
    let double = api_double().await;
    let launcher = launcher(&double).await;
    let task = launcher.launch(&spec()).await.unwrap();
    launcher.stop(&task, GRACE).await.unwrap();
    let sent = double.requests("deletecollection configmaps");
    let selector = sent[0]["labelSelector"].as_str().unwrap_or_default();
    assert!(selector.contains("fargate-driver/stopped-on-day notin ("), "{selector}");
    // A second stop of the key marks nothing new, so it does not tidy either.
    launcher.stop(&task, GRACE).await.unwrap();
    assert_eq!(double.calls()["deletecollection configmaps"], 1);
}

#[tokio::test]
async fn a_stop_without_the_right_to_look_is_done_all_the_same() {
    let double = api_double().await;
    let launcher = launcher(&double).await;
    let task = launcher.launch(&spec()).await.unwrap();
    double.inject(Fault::new("get", "pods", Trouble::Forbidden).always());
    launcher.stop(&task, GRACE).await.unwrap();
    double.wait_gone(&name(&task)).await;
}
