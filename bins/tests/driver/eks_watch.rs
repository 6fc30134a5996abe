//! What the job log tells of a pod that comes up, and what the watch of it survives.

use std::fs;
use std::time::Duration;

use fargate_test_support::eks::{EksDouble, EksOptions, Fault, PodDelays, PodFault, Trouble};

use crate::harness::{Host, SYSTEM_FAILURE, ended, eventually};

/// Changes the host's configuration.
fn reconfigure(host: &Host, from: &str, to: &str) {
    let file = host.directory.path().join("fargate.toml");
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains(from), "{text}");
    fs::write(&file, text.replace(from, to)).unwrap();
}

#[tokio::test]
async fn the_job_log_has_a_clusters_warning_and_the_billed_size_once() {
    let double = EksDouble::start(EksOptions::default()).await;
    double.inject_pod(PodFault::provisioning_timed_out(Duration::from_secs(1)));
    let host = Host::eks(&double);
    let job = host.job();
    let prepared = job.prepare().await.ok();
    for line in [
        "WARNING: the pod has no place yet (FailedScheduling): Pod provisioning timed out",
        "Fargate runs and bills this pod as 1 vCPU and 3 GB (1 CPU and 2 GiB asked for",
    ] {
        assert_eq!(prepared.stderr.matches(line).count(), 1, "{line}: {}", prepared.stderr);
    }
    assert!(!prepared.stderr.contains("LoggingDisabled"), "{}", prepared.stderr);
    assert_eq!(double.calls().get("get pods"), None, "watched, not polled");
    job.cleanup().await.ok();
}

#[tokio::test]
async fn an_unschedulable_pod_names_the_profile_in_the_job_log() {
    let double = EksDouble::start(EksOptions::default()).await;
    let host = Host::eks(&double);
    reconfigure(&host, "Namespace = \"ci\"", "Namespace = \"unmatched\"");
    let job = host.job();
    let prepared = job.prepare().await.failed_as(SYSTEM_FAILURE);
    prepared
        .says("no Fargate profile has taken the pod, and no other node does")
        .says("let a Fargate profile select the namespace unmatched");
    eventually("the end of every pod", || double.running() == 0).await;
    job.cleanup().await.ok();
}

#[tokio::test]
async fn a_pod_that_no_profile_of_the_cluster_takes_is_never_created() {
    let double = EksDouble::start(EksOptions::default()).await;
    let mut host = Host::eks(&double);
    let kubeconfig = format!("Kubeconfig = {:?}", double.kubeconfig());
    let (cluster, region) = (&double.options().cluster, &double.options().region);
    let by_name = format!("Cluster = {cluster:?}\n  Region = {region:?}");
    reconfigure(&host, &kubeconfig, &by_name);
    let (id, secret) = double.credentials();
    for (name, value) in [
        ("AWS_ENDPOINT_URL", double.url().as_str()),
        ("AWS_ACCESS_KEY_ID", id),
        ("AWS_SECRET_ACCESS_KEY", secret),
    ] {
        host.environment.push((name.to_owned(), value.to_owned()));
    }
    let job = host.job();
    job.prepare().await.ok();
    job.cleanup().await.ok();

    reconfigure(&host, "Namespace = \"ci\"", "Namespace = \"unmatched\"");
    let prepared = host.job().prepare().await.failed_as(SYSTEM_FAILURE);
    prepared
        .says("no Fargate profile of the cluster test-cluster takes the pod")
        .says("profile: ci-profile (ACTIVE): namespace ci, or namespace default");
    assert_eq!(double.calls()["create pods"], 1);
    assert_eq!(host.metadata_files(), 0);
}

#[tokio::test]
async fn an_api_that_goes_away_in_the_middle_of_prepare_does_not_fail_it() {
    let delays = PodDelays { creating: Duration::from_secs(3), ..PodDelays::default() };
    let double = EksDouble::start(EksOptions { delays, ..EksOptions::default() }).await;
    let host = Host::eks(&double);
    let job = host.job();
    let prepare = job.spawn(&["prepare"]);
    eventually("a watch of the pod", || double.calls().contains_key("watch pods")).await;
    double.inject(Fault::new("watch", "pods", Trouble::CutBefore));
    double.inject(Fault::new("watch", "pods", Trouble::BadGateway));
    double.cut_connections();
    ended(prepare).await.ok().says("Ready for commands");
    let calls = double.calls();
    assert!(calls["watch pods"] >= 4, "the cut, two troubles, and one that goes on: {calls:?}");
    assert_eq!(calls["list pods"], 1, "{calls:?}");
    job.cleanup().await.ok();
}
