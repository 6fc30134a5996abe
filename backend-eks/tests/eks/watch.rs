//! Following a pod: what is told, and what a watch survives.

use std::sync::Arc;
use std::time::Duration;

use fargate_core::{ErrorKind, StopCause, TaskLauncher, TaskStatus};
use fargate_test_support::eks::{
    EksDouble, EksOptions, Fault, PodDelays, PodEnd, PodFault, TaskProgram, Trouble,
};
use tokio::time::sleep;

use crate::access::launcher_as;
use crate::bench::{GRACE, api_double, config_for, launcher, launcher_with, name, spec};
use crate::news::{Heard, notices, warnings, watch};

/// A double whose pods take a while to come up, so that something can happen meanwhile.
async fn slow_double(bookmarks: Duration) -> EksDouble {
    let delays = PodDelays { creating: Duration::from_secs(2), ..PodDelays::default() };
    let program = TaskProgram::None;
    EksDouble::start(EksOptions { program, delays, bookmarks, ..EksOptions::default() }).await
}

/// How often the cluster was asked `call`.
fn calls(double: &EksDouble, call: &str) -> u64 {
    double.calls().get(call).copied().unwrap_or(0)
}

fn is_creating(heard: &Heard) -> bool {
    matches!(heard, Heard::Status(TaskStatus::Pending { detail, .. })
        if detail.contains("ContainerCreating"))
}

#[tokio::test]
async fn a_whole_life_is_told_by_one_watch_and_never_asked_for() {
    let double = EksDouble::start(EksOptions::default()).await;
    let launcher = launcher(&double).await;
    let task = launcher.launch(&spec()).await.unwrap();
    let mut watching = watch(&launcher, &task);
    watching.until(Heard::is_running).await;
    double.end_pod(&name(&task), PodEnd::oom_killed()).await;
    let (end, heard) = watching.end().await;
    assert_eq!(end.unwrap().cause, StopCause::OutOfMemory);
    for (call, times) in [
        ("list pods", 1),
        ("watch pods", 1),
        ("get pods", 0),
        ("list events", 1),
        ("watch events", 1),
    ] {
        assert_eq!(calls(&double, call), times, "{call}");
    }
    assert!(warnings(&heard).is_empty(), "no word of logging: {heard:?}");
    let query = &double.requests("watch pods")[0];
    assert_eq!(query["fieldSelector"], format!("metadata.name={}", name(&task)));
    assert_eq!(query["allowWatchBookmarks"], "true");
}

#[tokio::test]
async fn what_is_billed_is_told_once() {
    let double = api_double().await;
    let mut config = config_for(&double);
    config.cpu = Some("1".to_owned());
    config.memory = Some("8Gi".to_owned());
    let launcher = launcher_with(config).await;
    let task = launcher.launch(&spec()).await.unwrap();
    let mut watching = watch(&launcher, &task);
    watching.until(Heard::is_running).await;
    launcher.stop(&task, GRACE).await.unwrap();
    let (_, heard) = watching.end().await;
    let notices = notices(&heard);
    assert_eq!(notices.len(), 1, "{notices:?}");
    assert!(notices[0].contains("2 vCPU and 9 GB (1 CPU and 8 GiB asked for"), "{notices:?}");
}

#[tokio::test]
async fn a_warning_of_the_cluster_is_told_once_however_often_it_is_repeated() {
    let double = api_double().await;
    let message = "dial tcp: i/o timeout".to_owned();
    double.inject_pod(PodFault::CannotPull { message });
    double.inject_pod(PodFault::provisioning_timed_out(Duration::from_millis(100)));
    let launcher = launcher(&double).await;
    let task = launcher.launch(&spec()).await.unwrap();
    let mut watching = watch(&launcher, &task);
    for _ in 0..3 {
        let says = |detail: &str| detail.contains("ImagePullBackOff");
        watching
            .until(|heard| {
                matches!(heard, Heard::Status(TaskStatus::Pending { detail, .. }) if says(detail))
            })
            .await;
    }
    launcher.stop(&task, GRACE).await.unwrap();
    let (_, heard) = watching.end().await;
    let warnings = warnings(&heard);
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(warnings[0].contains("has no place yet (FailedScheduling)"), "{warnings:?}");
    assert!(warnings[0].contains("provisioning timed out"), "{warnings:?}");
    assert!(warnings[1].contains("i/o timeout"), "{warnings:?}");
}

#[tokio::test]
async fn a_cut_watch_goes_on_where_it_was() {
    let double = slow_double(Duration::from_millis(100)).await;
    let launcher = launcher(&double).await;
    let task = launcher.launch(&spec()).await.unwrap();
    let mut watching = watch(&launcher, &task);
    watching.until(is_creating).await;
    double.cut_connections();
    watching.until(Heard::is_running).await;
    launcher.stop(&task, GRACE).await.unwrap();
    watching.end().await.0.unwrap();
    assert_eq!(calls(&double, "list pods"), 1);
    assert!(calls(&double, "watch pods") >= 2);
}

#[tokio::test]
async fn a_place_that_the_cluster_has_forgotten_begins_with_a_list() {
    let double = slow_double(Duration::from_millis(100)).await;
    let launcher = launcher(&double).await;
    let task = launcher.launch(&spec()).await.unwrap();
    let mut watching = watch(&launcher, &task);
    watching.until(is_creating).await;
    double.compact();
    double.cut_connections();
    watching.until(Heard::is_running).await;
    launcher.stop(&task, GRACE).await.unwrap();
    watching.end().await.0.unwrap();
    assert_eq!(calls(&double, "list pods"), 2);
}

#[tokio::test]
async fn a_bookmark_moves_the_place_on_although_the_pod_does_not_change() {
    let double = slow_double(Duration::from_millis(20)).await;
    let launcher = launcher(&double).await;
    let task = launcher.launch(&spec()).await.unwrap();
    let mut watching = watch(&launcher, &task);
    watching.until(is_creating).await;
    let other = launcher.launch(&spec()).await.unwrap();
    let version = |object: &serde_json::Value| -> u64 {
        object["resourceVersion"].as_str().and_then(|text| text.parse().ok()).expect("a version")
    };
    let elsewhere = version(&double.pod(&name(&other)).json["metadata"]);
    // Time for many a bookmark.
    sleep(Duration::from_secs(1)).await;
    double.cut_connections();
    watching.until(Heard::is_running).await;
    launcher.stop(&task, GRACE).await.unwrap();
    watching.end().await.0.unwrap();
    let requests = double.requests("watch pods");
    assert!(version(&requests[0]) < elsewhere, "{requests:?}");
    assert!(version(&requests[1]) >= elsewhere, "{requests:?}");
}

#[tokio::test]
async fn a_watch_that_ends_in_order_or_says_that_it_expired_is_taken_up_again() {
    for (trouble, lists) in
        [(Trouble::EndWatch { after: 1 }, 1), (Trouble::ExpireWatch { after: 1 }, 2)]
    {
        let double = api_double().await;
        double.inject(Fault::new("watch", "pods", trouble));
        let launcher = launcher(&double).await;
        let task = launcher.launch(&spec()).await.unwrap();
        let mut watching = watch(&launcher, &task);
        watching.until(Heard::is_running).await;
        launcher.stop(&task, GRACE).await.unwrap();
        watching.end().await.0.unwrap();
        assert_eq!(calls(&double, "list pods"), lists);
        assert_eq!(calls(&double, "watch pods"), 2);
    }
}

#[tokio::test]
async fn one_request_lasts_as_long_as_the_settings_say() {
    let double = api_double().await;
    double.inject_pod(PodFault::StaysCreating);
    let mut config = config_for(&double);
    config.pace.watch_timeout = Duration::from_secs(1);
    let launcher = launcher_with(config).await;
    let task = launcher.launch(&spec()).await.unwrap();
    let watching = watch(&launcher, &task);
    while calls(&double, "watch pods") < 3 {
        sleep(Duration::from_millis(50)).await;
    }
    launcher.stop(&task, GRACE).await.unwrap();
    watching.end().await.0.unwrap();
    assert_eq!(calls(&double, "list pods"), 1);
    assert_eq!(double.requests("watch pods")[0]["timeoutSeconds"], "1");
}

#[tokio::test]
async fn service_trouble_is_told_borne_and_told_to_be_over() {
    for trouble in [Trouble::Throttled { retry_after: Some(1) }, Trouble::Unavailable] {
        let double = api_double().await;
        double.inject_pod(PodFault::StaysCreating);
        let launcher = launcher(&double).await;
        let task = launcher.launch(&spec()).await.unwrap();
        let mut watching = watch(&launcher, &task);
        watching.until(is_creating).await;
        double.inject(Fault::new("watch", "pods", trouble.clone()));
        double.cut_connections();
        watching.until(|heard| matches!(heard, Heard::Trouble(_))).await;
        // The same as before: nothing has changed but the trouble.
        watching.until(is_creating).await;
        launcher.stop(&task, GRACE).await.unwrap();
        watching.end().await.0.unwrap_or_else(|error| panic!("{trouble:?}: {error}"));
    }
}

#[tokio::test]
async fn a_token_that_is_refused_once_is_replaced_and_one_refused_twice_ends_the_watch() {
    for (times, lives) in [(1, true), (2, false)] {
        let double = api_double().await;
        double.inject(Fault::new("watch", "pods", Trouble::Unauthorized).times(times));
        let launcher = Arc::new(launcher_as(&double, None).await);
        let task = launcher.launch(&spec()).await.unwrap();
        let mut watching = watch(&launcher, &task);
        if lives {
            watching.until(Heard::is_running).await;
            launcher.stop(&task, GRACE).await.unwrap();
        }
        let (end, heard) = watching.end().await;
        assert!(!heard.iter().any(|one| matches!(one, Heard::Trouble(_))), "{heard:?}");
        match end {
            Ok(_) => assert!(lives),
            Err(error) => {
                assert!(!lives, "{error}");
                assert_eq!(error.kind(), ErrorKind::Unauthenticated);
            }
        }
    }
}

#[tokio::test]
async fn without_the_right_to_events_the_pod_is_followed_all_the_same() {
    for verb in ["list", "watch"] {
        let double = EksDouble::start(EksOptions::default()).await;
        double.inject(Fault::new(verb, "events", Trouble::Forbidden).always());
        let launcher = launcher(&double).await;
        let task = launcher.launch(&spec()).await.unwrap();
        let mut watching = watch(&launcher, &task);
        watching.until(Heard::is_running).await;
        double.end_pod(&name(&task), PodEnd::evicted()).await;
        let (end, heard) = watching.end().await;
        assert!(end.unwrap().reason.contains("Evicted"));
        assert_eq!(calls(&double, &format!("{verb} events")), 1, "{heard:?}");
        assert_eq!(calls(&double, "get pods"), 0);
    }
}

#[tokio::test]
async fn without_the_right_to_watch_the_pod_is_asked_for_and_the_rule_is_named() {
    for verb in ["list", "watch"] {
        let double = EksDouble::start(EksOptions::default()).await;
        double.inject(Fault::new(verb, "pods", Trouble::Forbidden).always());
        let launcher = launcher(&double).await;
        let task = launcher.launch(&spec()).await.unwrap();
        let mut watching = watch(&launcher, &task);
        watching.until(Heard::is_running).await;
        double.end_pod(&name(&task), PodEnd::node_shutdown()).await;
        let (end, heard) = watching.end().await;
        assert_eq!(end.unwrap().cause, StopCause::Interrupted);
        let notices = notices(&heard);
        assert_eq!(notices.len(), 2, "the size and the right: {notices:?}");
        let rule = format!("verbs: [\"{verb}\"]");
        assert!(notices.iter().any(|text| text.contains(&rule)), "{notices:?}");
        assert!(calls(&double, "get pods") > 1);
    }
}

#[tokio::test]
async fn a_pod_that_cannot_come_up_ends_the_watch_at_once_with_the_reason() {
    let quiet = |message: &str| PodFault::CannotPullQuietly { message: message.to_owned() };
    for (fault, cause, word) in [
        (PodFault::no_matching_profile(), StopCause::FailedToStart, "matching profile"),
        (PodFault::no_capacity(), StopCause::Capacity, "capacity is unavailable"),
        (PodFault::cannot_pull(), StopCause::Image, "ci:latest: not found"),
        (PodFault::cannot_configure(), StopCause::FailedToStart, "registry-token"),
        (quiet("ci:1: pull access denied"), StopCause::Image, "pull access denied"),
    ] {
        let double = api_double().await;
        double.inject_pod(fault.clone());
        let launcher = launcher(&double).await;
        let task = launcher.launch(&spec()).await.unwrap();
        let (end, heard) = watch(&launcher, &task).end().await;
        let stopped = end.unwrap();
        assert_eq!(stopped.cause, cause, "{fault:?}: {stopped:?}");
        assert!(stopped.reason.contains(word), "{fault:?}: {stopped:?} {heard:?}");
    }
}

/// Pods whose image cannot be pulled, for a reason that is told so much later and in an event.
async fn quiet_double(message: &str, later: Duration) -> EksDouble {
    let delays = PodDelays { pull_retry: later, ..PodDelays::default() };
    let program = TaskProgram::None;
    let double = EksDouble::start(EksOptions { program, delays, ..EksOptions::default() }).await;
    double.inject_pod(PodFault::CannotPullQuietly { message: message.to_owned() });
    double
}

fn backs_off(heard: &Heard) -> bool {
    matches!(heard, Heard::Status(TaskStatus::Pending { detail, .. }) if detail.contains("Back-off"))
}

#[tokio::test]
async fn an_image_whose_registry_is_in_trouble_is_waited_for() {
    let message = "unexpected status: 503 Service Unavailable";
    let double = quiet_double(message, Duration::from_millis(60)).await;
    let launcher = launcher(&double).await;
    let task = launcher.launch(&spec()).await.unwrap();
    let mut watching = watch(&launcher, &task);
    // In either order.
    watching.until(backs_off).await;
    if warnings(&watching.heard).is_empty() {
        watching.until(|heard| matches!(heard, Heard::Warning(_))).await;
    }
    launcher.stop(&task, GRACE).await.unwrap();
    let (end, heard) = watching.end().await;
    assert_eq!(end.unwrap().cause, StopCause::Requested);
    assert_eq!(warnings(&heard).len(), 1, "not the kubelet's repetition: {heard:?}");
}

#[tokio::test]
async fn a_registrys_answer_that_is_late_is_waited_for() {
    for (message, cause) in [
        ("503 Service Unavailable", StopCause::Requested),
        ("ci:1: pull access denied", StopCause::Image),
    ] {
        let double = quiet_double(message, Duration::from_secs(4)).await;
        let launcher = launcher(&double).await;
        let task = launcher.launch(&spec()).await.unwrap();
        let mut watching = watch(&launcher, &task);
        watching.until(backs_off).await;
        assert_eq!(warnings(&watching.heard), [""; 0], "the double is late");
        watching.until(|heard| matches!(heard, Heard::Warning(_))).await;
        if cause == StopCause::Requested {
            launcher.stop(&task, GRACE).await.unwrap();
        }
        assert_eq!(watching.end().await.0.unwrap().cause, cause, "{message}");
    }
}

#[tokio::test]
async fn without_the_right_to_events_an_image_without_a_reason_is_waited_for_in_moderation() {
    for (patience, cause) in [
        (Duration::from_secs(3600), StopCause::Requested),
        (Duration::from_secs(1), StopCause::Image),
    ] {
        let double = quiet_double("503 Service Unavailable", Duration::from_millis(10)).await;
        double.inject(Fault::new("list", "events", Trouble::Forbidden).always());
        let mut config = config_for(&double);
        config.pace.explanation_patience = patience;
        let launcher = launcher_with(config).await;
        let task = launcher.launch(&spec()).await.unwrap();
        let mut watching = watch(&launcher, &task);
        watching.until(backs_off).await;
        if cause == StopCause::Requested {
            // Time for a verdict, if there were one.
            sleep(Duration::from_secs(3)).await;
            launcher.stop(&task, GRACE).await.unwrap();
        }
        assert_eq!(watching.end().await.0.unwrap().cause, cause, "{patience:?}");
    }
}

#[tokio::test]
async fn a_pod_that_somebody_deletes_ends_the_watch_and_a_forgotten_one_is_not_found() {
    let double = api_double().await;
    let launcher = launcher(&double).await;
    let task = launcher.launch(&spec()).await.unwrap();
    let mut watching = watch(&launcher, &task);
    watching.until(Heard::is_running).await;
    double.delete_pod(&name(&task));
    let (end, _) = watching.end().await;
    assert_eq!(end.unwrap().cause, StopCause::Requested);
    double.wait_gone(&name(&task)).await;
    let (end, heard) = watch(&launcher, &task).end().await;
    assert_eq!(end.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(heard, []);
}

#[tokio::test]
async fn a_pod_that_ends_by_itself_or_is_ended_says_why_to_its_watch() {
    for (end, cause, word) in [
        (PodEnd::evicted(), StopCause::Exited, "ephemeral-storage"),
        (PodEnd::node_shutdown(), StopCause::Interrupted, "node shutdown"),
        (PodEnd::old_node_shutdown(), StopCause::Interrupted, "shutting down"),
    ] {
        let double = EksDouble::start(EksOptions::default()).await;
        let launcher = launcher(&double).await;
        let task = launcher.launch(&spec()).await.unwrap();
        let mut watching = watch(&launcher, &task);
        watching.until(Heard::is_running).await;
        double.end_pod(&name(&task), end.clone()).await;
        let stopped = watching.end().await.0.unwrap();
        assert_eq!(stopped.cause, cause, "{end:?}: {stopped:?}");
        assert!(stopped.reason.contains(word), "{stopped:?}");
    }
}
