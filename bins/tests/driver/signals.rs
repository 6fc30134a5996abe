//! SIGTERM, which GitLab Runner sends to a stage's process group, and cleanup in odd moments.

use std::time::Duration;

use fargate_test_support::ecs::{EcsDouble, EcsOptions, Fault, StateDelays};
use rustix::process::Signal;

use crate::checks::{
    all_calls, calls, nothing_left, nothing_left_locally, only_task, pids_in, quick, quick_double,
    stubborn_script, tells,
};
use crate::harness::{Host, SYSTEM_FAILURE, alive, ended, eventually, signal};

const LONG: Duration = Duration::from_secs(60);

/// Cancels a prepare once `reached`; whatever was started must be stopped by then.
async fn cancel_prepare(double: &EcsDouble, reached: impl Fn() -> bool) {
    let host = Host::ecs(double, "");
    let job = host.job();
    let preparing = job.spawn(&["prepare"]);
    eventually("the phase", reached).await;
    signal(&preparing, Signal::TERM);
    tells(&ended(preparing).await, &["cancelled", "SIGTERM"]);
    let reason = only_task(double).stopped_reason;
    assert_eq!(reason.as_deref(), Some("stopped by the fargate driver"));
    nothing_left(double, &host).await;
}

#[tokio::test]
async fn prepare_is_cancelled_during_run_task() {
    let double = quick_double().await;
    double.inject(Fault::Delay { op: "RunTask", by: Duration::from_secs(2), times: 1 });
    cancel_prepare(&double, || calls(&double, "RunTask") == 1).await;
}

#[tokio::test]
async fn prepare_is_cancelled_while_provisioning() {
    let state_delays = StateDelays { provisioning: LONG, ..StateDelays::default() };
    let double = EcsDouble::start(EcsOptions { state_delays, ..quick() }).await;
    cancel_prepare(&double, || calls(&double, "DescribeTasks") > 0).await;
}

#[tokio::test]
async fn prepare_is_cancelled_while_pending() {
    let double = quick_double().await;
    double.inject(Fault::NeverRunning);
    cancel_prepare(&double, || double.tasks().iter().any(|task| task.status == "PENDING")).await;
}

#[tokio::test]
async fn prepare_is_cancelled_while_it_waits_for_ssh() {
    let double = quick_double().await;
    double.inject(Fault::NoSshd);
    let running = || double.tasks().iter().any(|task| task.status == "RUNNING");
    cancel_prepare(&double, || running() && calls(&double, "DescribeTasks") > 0).await;
}

#[tokio::test]
async fn a_local_prepare_is_cancelled_at_any_moment() {
    for round in 0..6 {
        let host = Host::local();
        let job = host.job();
        let preparing = job.spawn(&["prepare"]);
        tokio::time::sleep(Duration::from_millis(30 + 30 * round)).await;
        signal(&preparing, Signal::TERM);
        let ended = ended(preparing).await;
        // It may have been faster; before it listens for signals the signal ends it.
        assert!(matches!(ended.code, Some(0 | SYSTEM_FAILURE) | None), "{ended:#?}");
        job.cleanup().await.ok();
        nothing_left_locally(&host).await;
    }
}

/// Cancels a script; its processes must be gone, and the task must go on.
async fn cancel_script(host: &Host) {
    let job = host.job();
    job.prepare().await.ok();
    let file = job.directory.path().join("pids");
    let running = job.start_script(&stubborn_script(&file), "build_script");
    let pids = pids_in(&file).await;
    signal(&running, Signal::TERM);
    let ended = ended(running).await;
    tells(&ended, &["cancelled", "SIGTERM"]);
    assert_eq!(job.exit_code(), None, "a cancelled script has no exit code");
    for pid in pids {
        assert!(!alive(pid), "{pid} still runs");
    }
    let after = job.script("echo after", "after_script").await.ok();
    assert_eq!(after.stdout_text(), "after\n");
    job.cleanup().await.ok();
}

#[tokio::test]
async fn a_cancelled_script_is_ended_with_all_it_started() {
    let double = quick_double().await;
    let host = Host::ecs(&double, "");
    cancel_script(&host).await;
    only_task(&double);
    nothing_left(&double, &host).await;
}

#[tokio::test]
async fn a_cancelled_script_on_the_local_backend() {
    let host = Host::local();
    cancel_script(&host).await;
    nothing_left_locally(&host).await;
}

#[tokio::test]
async fn cleanup_finishes_whatever_the_signal() {
    let double = quick_double().await;
    let host = Host::ecs(&double, "");
    let job = host.job();
    job.prepare().await.ok();
    double.inject(Fault::Delay { op: "StopTask", by: Duration::from_secs(2), times: 1 });
    let cleaning = job.spawn(&["cleanup"]);
    eventually("the call", || calls(&double, "StopTask") == 1).await;
    for which in [Signal::TERM, Signal::INT, Signal::TERM] {
        signal(&cleaning, which);
    }
    ended(cleaning).await.ok();
    nothing_left(&double, &host).await;
}

#[tokio::test]
async fn cleanup_twice() {
    let double = quick_double().await;
    let host = Host::ecs(&double, "");
    let job = host.job();
    job.prepare().await.ok();
    job.cleanup().await.ok();
    nothing_left(&double, &host).await;
    let before = all_calls(&double);
    let again = job.cleanup().await.ok();
    assert_eq!(again.stderr, "");
    assert_eq!(all_calls(&double), before, "nothing to ask AWS for");
}

#[tokio::test]
async fn cleanups_side_by_side() {
    let double = quick_double().await;
    let host = Host::ecs(&double, "");
    let job = host.job();
    job.prepare().await.ok();
    let (one, other) = tokio::join!(job.cleanup(), job.cleanup());
    one.ok();
    other.ok();
    nothing_left(&double, &host).await;
}

#[tokio::test]
async fn cleanup_without_prepare_asks_nothing() {
    let double = quick_double().await;
    for host in [Host::ecs(&double, ""), Host::local()] {
        let ended = host.job().cleanup().await.ok();
        assert_eq!((ended.stderr.as_str(), ended.stdout.len()), ("", 0));
    }
    assert_eq!(all_calls(&double), 0);
}

/// Cleans up while a script is still being ended.
async fn clean_beside_run(host: &Host) {
    let job = host.job();
    job.prepare().await.ok();
    let file = job.directory.path().join("pids");
    let running = job.start_script(&stubborn_script(&file), "build_script");
    let pids = pids_in(&file).await;
    signal(&running, Signal::TERM);
    let (run, cleanup) = tokio::join!(ended(running), job.cleanup());
    cleanup.ok();
    run.failed_as(SYSTEM_FAILURE);
    for pid in pids {
        assert!(!alive(pid), "{pid} still runs");
    }
}

#[tokio::test]
async fn cleanup_beside_a_dying_run() {
    let double = quick_double().await;
    let host = Host::ecs(&double, "");
    clean_beside_run(&host).await;
    nothing_left(&double, &host).await;
}

#[tokio::test]
async fn cleanup_beside_a_dying_local_run() {
    let host = Host::local();
    clean_beside_run(&host).await;
    nothing_left_locally(&host).await;
}
