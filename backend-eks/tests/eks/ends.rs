//! How pods end, and pods that cannot come up.

use fargate_core::{ErrorKind, StopCause, TaskHandle, TaskLauncher, TaskSpec, TaskStatus};
use fargate_test_support::eks::{EksDouble, EksOptions, PodEnd, PodFault};

use crate::bench::{
    api_double, config_for, launcher, launcher_with, name, running, spec, status_until, stopped,
};

async fn started(double: &EksDouble, spec: &TaskSpec) -> TaskHandle {
    launcher(double).await.launch(spec).await.expect("launches")
}

#[tokio::test]
async fn a_pod_that_cannot_come_up_is_over_at_once() {
    let double = api_double().await;
    let launcher = launcher(&double).await;
    for (fault, cause, word) in [
        (PodFault::no_matching_profile(), StopCause::FailedToStart, "Fargate profile"),
        (PodFault::no_capacity(), StopCause::Capacity, "availability zones"),
        (PodFault::cannot_pull(), StopCause::Image, "name and tag"),
        (PodFault::cannot_configure(), StopCause::FailedToStart, "Secret"),
    ] {
        double.inject_pod(fault.clone());
        let task = started(&double, &spec()).await;
        let stop = stopped(&launcher, &task).await;
        assert_eq!(stop.cause, cause, "{fault:?}: {stop:?}");
        assert!(stop.hint.as_deref().unwrap_or("").contains(word), "{stop:?}");
    }
}

#[tokio::test]
async fn a_pod_that_no_profile_takes_is_an_end_unless_other_nodes_are_meant() {
    let double = api_double().await;
    let mut config = config_for(&double);
    config.namespace = "unmatched".to_owned();
    let launcher = launcher_with(config.clone()).await;
    let task = launcher.launch(&spec()).await.unwrap();
    let stop = stopped(&launcher, &task).await;
    assert_eq!(stop.cause, StopCause::FailedToStart);
    assert!(stop.reason.contains("no Fargate profile has taken the pod"), "{stop:?}");
    assert!(stop.hint.unwrap_or_default().contains("select the namespace unmatched"));

    config.node_selector.insert("pool".to_owned(), "ci".to_owned());
    let launcher = launcher_with(config).await;
    let task = launcher.launch(&spec()).await.unwrap();
    status_until(&launcher, &task, |status| {
        matches!(status, TaskStatus::Pending { detail, .. }
            if detail.contains("no Fargate profile has taken the pod"))
    })
    .await;
}

#[tokio::test]
async fn a_pod_that_ends_by_itself_or_is_ended_says_why() {
    for (end, cause, word) in [
        (PodEnd::oom_killed(), StopCause::OutOfMemory, "OOMKilled"),
        (PodEnd::evicted(), StopCause::Exited, "ephemeral-storage"),
        (PodEnd::node_shutdown(), StopCause::Interrupted, "node shutdown"),
        (PodEnd::old_node_shutdown(), StopCause::Interrupted, "shutting down"),
    ] {
        let double = EksDouble::start(EksOptions::default()).await;
        let launcher = launcher(&double).await;
        let spec = spec();
        let task = launcher.launch(&spec).await.unwrap();
        running(&launcher, &task).await;
        double.end_pod(&name(&task), end.clone()).await;
        let stop = stopped(&launcher, &task).await;
        assert_eq!(stop.cause, cause, "{end:?}: {stop:?}");
        assert!(stop.reason.contains(word), "{stop:?}");
        assert_eq!(launcher.list(spec.owner.as_str()).await.unwrap().len(), 0);
    }
}

#[tokio::test]
async fn a_pod_at_its_deadline_says_so() {
    let double = api_double().await;
    let launcher = launcher(&double).await;
    let spec = spec().deadline(std::time::Duration::from_secs(1));
    let task = launcher.launch(&spec).await.unwrap();
    let stop = stopped(&launcher, &task).await;
    assert!(stop.reason.contains("DeadlineExceeded"), "{stop:?}");
    assert!(stop.hint.as_deref().unwrap_or("").contains("timeout"), "{stop:?}");
}

#[tokio::test]
async fn a_pod_that_somebody_deletes_is_over() {
    let double = api_double().await;
    let launcher = launcher(&double).await;
    let task = launcher.launch(&spec()).await.unwrap();
    running(&launcher, &task).await;
    double.delete_pod(&name(&task));
    double.wait_gone(&name(&task)).await;
    let error = launcher.status(&task).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}
