//! Many jobs at once in pods, and how often a job asks the cluster.

use std::collections::BTreeSet;

use fargate_test_support::eks::{EksDouble, Fault, Trouble};
use tokio::task::JoinSet;

use crate::eks_ways::{calls, nothing_left, reached_by};
use crate::harness::{Host, Job, RUN_STAGES, alive, eventually};

/// What one job left for the checks after all have ended.
struct Done {
    log: String,
    background: u32,
}

/// The stages of one job, each writing and reading what only this job can know.
async fn one_job(job: &Job<'_>, stages: &[&str]) -> Done {
    let own = format!("job {}", job.id);
    let prepare = job.prepare().await.ok();
    let mut log = prepare.stderr;
    let begin = format!("echo '{own}' > ~/own; sleep 3600 & echo $!");
    let started = job.script(&begin, "prepare_script").await.ok();
    let background = started.stdout_text().trim().parse().unwrap();
    for stage in stages {
        let ended = job.script(&format!("cat ~/own; echo {stage} >&2"), stage).await.ok();
        assert_eq!(ended.stdout_text(), format!("{own}\n"));
        assert_eq!(ended.stderr, format!("{stage}\n"));
    }
    log += &job.cleanup().await.ok().stderr;
    Done { log, background }
}

/// So many jobs at once over `way`: what they leave is nothing, and one pod each was created.
async fn at_once(way: &str, jobs: usize, stages: &'static [&str]) -> EksDouble {
    let (double, host) = reached_by(way).await;
    for (verb, resource) in [("get", "pods"), ("delete", "pods")] {
        let trouble = Trouble::Throttled { retry_after: Some(1) };
        double.inject(Fault::new(verb, resource, trouble).times(20));
    }
    let host: &'static Host = Box::leak(Box::new(host));
    let mut running = JoinSet::new();
    for _ in 0..jobs {
        running.spawn(async move { one_job(&host.job(), stages).await });
    }
    let done = running.join_all().await;
    for one in &done {
        for word in ["hrottl", "Too many", "WARN", "ERROR", "Still trying"] {
            assert!(!one.log.contains(word), "{word} in\n{}", one.log);
        }
    }
    let pods = double.pods();
    let names: BTreeSet<_> = pods.iter().map(|pod| pod.name.clone()).collect();
    assert_eq!((pods.len(), names.len()), (jobs, jobs), "one pod a job, whatever was repeated");
    let pids: BTreeSet<_> = done.iter().map(|one| one.background).collect();
    assert_eq!(pids.len(), jobs, "every job had a process of its own");
    assert_eq!(calls(&double, "create pods"), jobs as u64);
    assert!(pods.iter().all(|pod| pod.gone), "every pod is gone when cleanup ends");
    nothing_left(&double, host).await;
    eventually("the end of every process", || !pids.iter().any(|pid| alive(*pid))).await;
    std::fs::remove_dir_all(host.directory.path()).unwrap();
    double
}

#[tokio::test]
async fn fifty_jobs_at_once_over_ssh_share_nothing_and_leave_nothing() {
    let double = at_once("ssh", 50, &["build_script"]).await;
    for none in ["get pods/exec", "get pods/portforward", "deletecollection pods"] {
        assert_eq!(calls(&double, none), 0, "{:?}", double.calls());
    }
    for once in ["list pods", "watch pods", "create configmaps"] {
        assert!(calls(&double, once) <= 50, "{:?}", double.calls());
    }
}

#[tokio::test]
async fn twenty_jobs_at_once_by_exec_share_nothing_and_leave_nothing() {
    let double = at_once("exec", 20, &["build_script"]).await;
    // A probe that is ready, and the two scripts.
    assert!(calls(&double, "get pods/exec") >= 20 * 3, "{:?}", double.calls());
}

/// Scripts over SSH ask the cluster nothing; by exec each asks twice.
#[tokio::test]
async fn a_job_asks_the_cluster_little() {
    for (way, stream) in [
        ("ssh", None),
        ("exec", Some("get pods/exec")),
        ("port-forward", Some("get pods/portforward")),
    ] {
        let (double, host) = reached_by(way).await;
        let job = host.job();
        job.config().await.ok();
        assert!(double.calls().is_empty(), "{:?}", double.calls());
        job.prepare().await.ok();
        let mut expected = double.calls();
        assert_eq!(expected["create pods"], 1, "{way}");
        for stage in RUN_STAGES {
            job.script("echo", stage).await.ok();
        }
        if let Some(stream) = stream {
            for call in ["get pods", stream] {
                *expected.entry(call.to_owned()).or_default() += RUN_STAGES.len() as u64;
            }
        }
        assert_eq!(double.calls(), expected, "{way}");
        job.cleanup().await.ok();
        nothing_left(&double, &host).await;
    }
}
