//! Fifty jobs at once, and how often a job asks AWS.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use fargate_test_support::ecs::{Bucket, EcsDouble, EcsOptions, Fault, RateLimits, StateDelays};
use tokio::task::JoinSet;

use crate::harness::{Host, Job, RUN_STAGES, alive, ended, eventually};

const JOBS: usize = 50;

/// The rates of AWS, with bursts that fifty launches exceed on any but a slow machine.
fn tight_limits() -> RateLimits {
    let bucket = |operations: &[&'static str], burst: f64, per_second: f64| Bucket {
        operations: operations.to_vec(),
        burst,
        per_second,
    };
    RateLimits {
        buckets: vec![
            bucket(&["RunTask"], 10.0, 20.0),
            bucket(&["RunTask", "StopTask"], 20.0, 40.0),
            bucket(&["DescribeTasks", "ListTasks"], 20.0, 20.0),
        ],
    }
}

/// What one job left for the checks after all have ended.
struct Done {
    log: String,
    background: u32,
}

/// Every stage of one job, each writing and reading what only this job can know.
async fn one_job(job: &Job<'_>) -> Done {
    let mut log = String::new();
    let own = format!("job {}", job.id);
    let config = job.config().await.ok();
    log += &config.stderr;
    let prepare = job.prepare().await.ok();
    log += &prepare.stderr;
    log += &prepare.stdout_text();
    let begin = format!("echo '{own}' > ~/own; sleep 3600 & echo $!");
    let started = job.script(&begin, "prepare_script").await.ok();
    let background = started.stdout_text().trim().parse().unwrap();
    log += &started.stderr;
    for stage in &RUN_STAGES[1..] {
        let ended = job.script(&format!("cat ~/own; echo {stage} >&2"), stage).await.ok();
        assert_eq!(ended.stdout_text(), format!("{own}\n"));
        assert_eq!(ended.stderr, format!("{stage}\n"));
    }
    let cleanup = job.cleanup().await.ok();
    log += &cleanup.stderr;
    log += &cleanup.stdout_text();
    Done { log, background }
}

/// Each of the fifty goes through all stages, as fifty slots of one runner would run them.
#[tokio::test]
async fn fifty_jobs_at_once_share_nothing_and_leave_nothing() {
    let options = EcsOptions { rate_limits: Some(tight_limits()), ..EcsOptions::default() };
    let double = EcsDouble::start(options).await;
    // On a slow machine too.
    for op in ["RunTask", "DescribeTasks", "StopTask"] {
        double.inject(Fault::Throttle { op, times: 20 });
    }
    let host: &'static Host = Box::leak(Box::new(Host::ecs(&double, "")));
    let mut jobs = JoinSet::new();
    for _ in 0..JOBS {
        jobs.spawn(async { one_job(&host.job()).await });
    }
    let done = jobs.join_all().await;

    assert_eq!(done.len(), JOBS);
    for one in &done {
        for word in ["Throttl", "throttl", "Rate exceeded", "WARN", "ERROR", "Still trying"] {
            assert!(!one.log.contains(word), "{word} in\n{}", one.log);
        }
    }
    assert!(double.calls()["RunTask"] >= JOBS as u64 + 20, "{:?}", double.calls());
    let tasks = double.tasks();
    assert_eq!(tasks.len(), JOBS, "one task per job, whatever was repeated");
    let keys: BTreeSet<_> = tasks.iter().filter_map(|task| task.key.clone()).collect();
    assert_eq!(keys.len(), JOBS);
    let pids: BTreeSet<_> = done.iter().map(|one| one.background).collect();
    assert_eq!(pids.len(), JOBS, "every job had a process of its own");
    assert_eq!(host.metadata_files(), 0);
    eventually("the end of every task", || double.running() == 0).await;
    eventually("the end of every process", || !pids.iter().any(|pid| alive(*pid))).await;
    std::fs::remove_dir_all(host.directory.path()).unwrap();
}

/// Beyond the few that start and stop the task, a job only asks while it waits for the start,
/// slower and slower; its scripts ask nothing.
#[tokio::test]
async fn a_job_asks_aws_little() {
    let slow = StateDelays {
        provisioning: Duration::from_secs(2),
        pending: Duration::from_secs(5),
        ..StateDelays::default()
    };
    let double = EcsDouble::start(EcsOptions { state_delays: slow, ..EcsOptions::default() }).await;
    let host = Host::ecs(&double, "");
    let job = host.job();
    job.config().await.ok();
    assert!(double.calls().is_empty(), "{:?}", double.calls());

    let started = Instant::now();
    job.prepare().await.ok();
    let waited = started.elapsed().as_secs_f64();
    let prepared = double.calls();
    assert_eq!(prepared["RunTask"], 1);
    // One at once, then pauses of 2 s and more, less a quarter of jitter.
    let most = 1 + (waited / 1.5) as u64;
    let asked = prepared["DescribeTasks"];
    assert!((2..=most).contains(&asked), "{asked} questions in {waited} s");
    let others: Vec<_> =
        prepared.keys().filter(|op| !["RunTask", "DescribeTasks"].contains(&op.as_str())).collect();
    assert!(others.is_empty(), "{others:?}");

    for stage in RUN_STAGES {
        job.script("echo", stage).await.ok();
    }
    assert_eq!(double.calls(), prepared, "scripts ask nothing");

    job.cleanup().await.ok();
    let mut all = double.calls();
    assert_eq!(all.remove("StopTask"), Some(1));
    assert_eq!(all, prepared, "a stop is one call");
}

/// A script needs no credentials at all once its task runs.
#[tokio::test]
async fn a_script_runs_without_aws() {
    let double = EcsDouble::start(EcsOptions::default()).await;
    let host = Host::ecs(&double, "");
    let job = host.job();
    job.prepare().await.ok();
    let script = job.write_script(b"echo ran");
    let child = job
        .command(&["run", script.to_str().unwrap(), "build_script"])
        .env_remove("AWS_ACCESS_KEY_ID")
        .env_remove("AWS_SECRET_ACCESS_KEY")
        .env_remove("AWS_ENDPOINT_URL")
        .spawn()
        .unwrap();
    assert_eq!(ended(child).await.ok().stdout_text(), "ran\n");
    job.cleanup().await.ok();
}
