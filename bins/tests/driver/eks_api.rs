//! A cluster whose API goes away, comes back, or answers late and badly.

use std::time::Duration;

use fargate_test_support::eks::{EksOptions, Fault, PodDelays, PodFault, Trouble};
use rustix::process::Signal;

use crate::checks::{report, tells};
use crate::eks_ways::{
    WAYS, calls, endless, nothing_left, options, reached, reached_by, start_timeout,
};
use crate::harness::{SYSTEM_FAILURE, alive, ended, eventually, signal};
use crate::jobs::whole_job;

const AWAY: Duration = Duration::from_secs(2);

#[tokio::test]
async fn a_restart_of_the_api_while_prepare_waits_is_borne() {
    for way in WAYS {
        let delays = PodDelays { creating: Duration::from_secs(3), ..PodDelays::default() };
        let (double, host) = reached(way, EksOptions { delays, ..options(way) }).await;
        let job = host.job();
        let preparing = job.spawn(&["prepare"]);
        eventually("a pod", || !double.pods().is_empty()).await;
        double.restart_api(AWAY).await;
        ended(preparing).await.ok();
        assert_eq!(job.script("echo ran", "build_script").await.ok().stdout_text(), "ran\n");
        assert_eq!(double.pods().len(), 1, "{way}");
        job.cleanup().await.ok();
        nothing_left(&double, &host).await;
    }
}

#[tokio::test]
async fn a_restart_of_the_api_between_stages_is_borne() {
    for way in WAYS {
        let (double, host) = reached_by(way).await;
        let job = host.job();
        job.prepare().await.ok();
        double.stop_api().await;
        let script = job.start_script("echo ran", "build_script");
        tokio::time::sleep(AWAY).await;
        double.start_api().await;
        let ran = ended(script).await.ok();
        assert_eq!((ran.stdout_text().as_str(), ran.stderr.as_str()), ("ran\n", ""), "{way}");
        double.stop_api().await;
        let cleanup = job.spawn(&["cleanup"]);
        tokio::time::sleep(AWAY / 4).await;
        double.start_api().await;
        ended(cleanup).await.ok();
        nothing_left(&double, &host).await;
    }
}

/// The script is lost with its connection: what is known is told, cleanup ends it.
async fn a_restart_loses_the_script(way: &str) {
    let (double, host) = reached_by(way).await;
    let job = host.job();
    job.prepare().await.ok();
    let (script, pid) = endless(&job).await;
    double.restart_api(Duration::from_millis(300)).await;
    let lost = ended(script).await;
    let words = ["whether the script finished is unknown", "still runs; only the connection broke"];
    tells(&lost, &words);
    assert_eq!(job.exit_code(), None);
    job.cleanup().await.ok();
    nothing_left(&double, &host).await;
    assert!(!alive(pid), "nothing of it runs on");
}

#[tokio::test]
async fn a_restart_of_the_api_under_a_command_is_a_system_failure() {
    a_restart_loses_the_script("exec").await;
}

#[tokio::test]
async fn a_restart_of_the_api_under_a_forwarded_port_is_a_system_failure() {
    a_restart_loses_the_script("port-forward").await;
}

#[tokio::test]
async fn a_restart_of_the_api_does_not_touch_a_script_over_ssh() {
    let (double, host) = reached_by("ssh").await;
    let job = host.job();
    job.prepare().await.ok();
    let go = job.directory.path().join("go");
    let body = format!("until test -e {}; do sleep 0.1; done; echo ran", go.display());
    let script = job.start_script(&body, "build_script");
    double.restart_api(Duration::from_millis(300)).await;
    std::fs::write(&go, "").unwrap();
    assert_eq!(ended(script).await.ok().stdout_text(), "ran\n");
    job.cleanup().await.ok();
    nothing_left(&double, &host).await;
}

#[tokio::test]
async fn trouble_with_opening_a_stream_is_borne() {
    let troubles = [
        Trouble::Expired,
        Trouble::Throttled { retry_after: Some(1) },
        Trouble::Throttled { retry_after: None },
        Trouble::ServerError,
        Trouble::Unavailable,
        Trouble::BadGateway,
        Trouble::CutBefore,
    ];
    for (way, resource) in [("exec", "pods/exec"), ("port-forward", "pods/portforward")] {
        let (double, host) = reached_by(way).await;
        let job = host.job();
        for trouble in &troubles {
            // In prepare's wait, too.
            double.inject(Fault::new("get", resource, trouble.clone()));
        }
        job.prepare().await.ok();
        for trouble in &troubles {
            double.inject(Fault::new("get", resource, trouble.clone()));
            let before = calls(&double, &format!("get {resource}"));
            let ran = job.script("echo ran", "build_script").await.ok();
            assert_eq!(ran.stdout_text(), "ran\n", "{way} {trouble:?}");
            assert!(calls(&double, &format!("get {resource}")) > before + 1, "{trouble:?}");
        }
        job.cleanup().await.ok();
        nothing_left(&double, &host).await;
    }
}

/// The command begins, but its WebSocket never comes about. What it was to run never arrived, so
/// it may be sent again.
#[tokio::test]
async fn an_answer_that_is_lost_after_the_command_has_begun_runs_the_script_once() {
    let (double, host) = reached_by("exec").await;
    let job = host.job();
    job.prepare().await.ok();
    double.inject(Fault::new("get", "pods/exec", Trouble::CutAfter));
    let file = job.directory.path().join("runs");
    let script = format!("echo run >>{}; echo ran", file.display());
    assert_eq!(job.script(&script, "build_script").await.ok().stdout_text(), "ran\n");
    assert_eq!(std::fs::read_to_string(file).unwrap(), "run\n");
    job.cleanup().await.ok();
    nothing_left(&double, &host).await;
}

#[tokio::test]
async fn a_slow_api_is_waited_for() {
    let (double, host) = reached_by("exec").await;
    for (verb, resource) in [("create", "pods"), ("get", "pods/exec"), ("delete", "pods")] {
        double.inject(Fault::new(verb, resource, Trouble::Delay(Duration::from_secs(1))).always());
    }
    whole_job(&host).await;
    nothing_left(&double, &host).await;
}

#[tokio::test]
async fn trouble_that_outlasts_the_patience_is_told() {
    for (way, resource) in [("exec", "pods/exec"), ("port-forward", "pods/portforward")] {
        let (double, host) = reached_by(way).await;
        start_timeout(&host, "4s");
        double.inject(Fault::new("get", resource, Trouble::Unavailable).always());
        let job = host.job();
        let words = ["start timeout", "refused to get pods/", "unable to handle the request"];
        tells(&job.prepare().await, &words);
        job.cleanup().await.ok();
        nothing_left(&double, &host).await;
    }
}

#[tokio::test]
async fn a_cancel_while_the_api_is_away_ends_in_time() {
    for way in ["exec", "port-forward"] {
        let (double, host) = reached_by(way).await;
        let job = host.job();
        job.prepare().await.ok();
        let (script, pid) = endless(&job).await;
        double.stop_api().await;
        signal(&script, Signal::TERM);
        let lost = ended(script).await;
        report(&lost);
        // Connecting is what takes its time now, and a cancel ends that at once.
        let waiting = job.start_script("echo ran", "after_script");
        tokio::time::sleep(Duration::from_secs(1)).await;
        signal(&waiting, Signal::TERM);
        let cancelled = ended(waiting).await.failed_as(SYSTEM_FAILURE);
        cancelled.says("cancelled before the script started");
        double.start_api().await;
        job.cleanup().await.ok();
        nothing_left(&double, &host).await;
        assert!(!alive(pid), "{way}");
    }
}

#[tokio::test]
async fn a_cancel_while_prepare_waits_for_an_api_that_is_away_leaves_it_to_cleanup() {
    let (double, host) = reached_by("exec").await;
    double.inject_pod(PodFault::StaysCreating);
    let job = host.job();
    let preparing = job.spawn(&["prepare"]);
    eventually("a pod", || !double.pods().is_empty()).await;
    eventually("its record", || host.metadata_files() == 1).await;
    double.stop_api().await;
    signal(&preparing, Signal::TERM);
    ended(preparing).await.failed_as(SYSTEM_FAILURE);
    assert_eq!((double.running(), host.metadata_files()), (1, 1), "the trace stays");
    double.start_api().await;
    job.cleanup().await.ok();
    nothing_left(&double, &host).await;
}
