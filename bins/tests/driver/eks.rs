//! Jobs in pods.

use std::fs;

use fargate_test_support::binaries;
use fargate_test_support::ecs::TaskProgram;
use fargate_test_support::eks::{EksDouble, EksOptions, PodEnd, PodFault};

use crate::harness::{BUILD_FAILURE, Host, SYSTEM_FAILURE, ended, eventually};
use crate::jobs::whole_job;

#[tokio::test]
async fn a_whole_job_on_eks() {
    let double = EksDouble::start(EksOptions::default()).await;
    whole_job(&Host::eks(&double)).await;
    eventually("the end of every pod", || double.running() == 0).await;
}

#[tokio::test]
async fn a_whole_job_on_eks_with_the_agent_in_the_pod() {
    let program = TaskProgram::Agent(binaries::agent());
    let double = EksDouble::start(EksOptions { program, ..EksOptions::default() }).await;
    whole_job(&Host::eks(&double)).await;
    eventually("the end of every pod", || double.running() == 0).await;
}

#[tokio::test]
async fn a_failing_script_on_eks_is_a_build_failure_with_its_code() {
    let double = EksDouble::start(EksOptions::default()).await;
    let host = Host::eks(&double);
    let job = host.job();
    job.prepare().await.ok().says("namespace ci");
    job.script("exit 42", "build_script").await.failed_as(BUILD_FAILURE);
    assert_eq!(job.exit_code().unwrap().lines().next(), Some("42"));
    job.cleanup().await.ok();
}

#[tokio::test]
async fn an_eviction_is_a_system_failure_that_names_it() {
    let double = EksDouble::start(EksOptions::default()).await;
    let host = Host::eks(&double);
    let job = host.job();
    job.prepare().await.ok();
    let up = job.directory.path().join("up");
    let script = job.start_script(&format!("touch {}; sleep 3600", up.display()), "build_script");
    eventually("the start of the script", || up.exists()).await;
    double.end_pod(&double.pods()[0].name, PodEnd::evicted()).await;
    ended(script).await.failed_as(SYSTEM_FAILURE).says("Evicted").says("ephemeral-storage");
    assert_eq!(job.exit_code(), None);
    job.cleanup().await.ok();
    assert_eq!(host.metadata_files(), 0);
}

#[tokio::test]
async fn an_image_that_cannot_be_pulled_fails_at_once_and_leaves_nothing() {
    let double = EksDouble::start(EksOptions::default()).await;
    double.inject_pod(PodFault::cannot_pull());
    let host = Host::eks(&double);
    let job = host.job();
    job.prepare().await.failed_as(SYSTEM_FAILURE).says("registry.example.com/ci:7");
    eventually("the end of every pod", || double.running() == 0).await;
    job.cleanup().await.ok();
    assert_eq!(host.metadata_files(), 0);
}

#[tokio::test]
async fn two_ways_to_a_cluster_exclude_each_other() {
    let double = EksDouble::start(EksOptions::default()).await;
    let host = Host::eks(&double);
    let file = host.directory.path().join("fargate.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("[EKS]\n", "[EKS]\n  Cluster = \"ci\"\n")).unwrap();
    let ended = host.job().prepare().await.failed_as(SYSTEM_FAILURE);
    ended.says("EKS.Cluster (line 3) and EKS.Kubeconfig (line 4) exclude each other");
}
