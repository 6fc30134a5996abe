//! Jobs in pods over each way into them.

use std::fs;
use std::path::Path;

use fargate_test_support::binaries;
use fargate_test_support::ecs::TaskProgram;
use fargate_test_support::eks::{EksOptions, PodEnd};
use rustix::process::Signal;

use crate::eks_ways::{WAYS, options, reached, reached_by, start_timeout, started, use_template};
use crate::harness::{BUILD_FAILURE, SYSTEM_FAILURE, alive, ended, eventually, signal};
use crate::jobs::whole_job;

fn pid_in(file: &Path) -> u32 {
    fs::read_to_string(file).expect("a process id").trim().parse().expect("a number")
}

#[tokio::test]
async fn a_whole_job_by_exec_in_an_image_without_an_ssh_server() {
    let (double, host) = reached_by("exec").await;
    whole_job(&host).await;
    eventually("the end of every pod", || double.running() == 0).await;
    let pod = double.pods().remove(0);
    assert!(!pod.json.to_string().contains("SSH_PUBLIC_KEY"), "nobody logs in: {}", pod.json);
}

#[tokio::test]
async fn a_whole_job_by_port_forward() {
    let (double, host) = reached_by("port-forward").await;
    whole_job(&host).await;
    eventually("the end of every pod", || double.running() == 0).await;
    assert!(double.calls()["get pods/portforward"] > 1, "{:?}", double.calls());
}

#[tokio::test]
async fn a_whole_job_by_port_forward_with_the_agent_in_the_pod() {
    let program = TaskProgram::Agent(binaries::agent());
    let (double, host) =
        reached("port-forward", EksOptions { program, ..EksOptions::default() }).await;
    whole_job(&host).await;
    eventually("the end of every pod", || double.running() == 0).await;
}

#[tokio::test]
async fn a_failing_script_is_a_build_failure_over_every_way() {
    for way in WAYS {
        let (_double, host) = reached_by(way).await;
        let job = host.job();
        job.prepare().await.ok();
        job.script("echo out; echo err >&2; exit 42", "build_script")
            .await
            .failed_as(BUILD_FAILURE)
            .says("err");
        assert_eq!(job.exit_code().expect(way).lines().next(), Some("42"), "{way}");
        job.cleanup().await.ok();
    }
}

#[tokio::test]
async fn an_eviction_is_named_over_every_way() {
    for way in ["port-forward", "exec"] {
        let (double, host) = reached_by(way).await;
        let job = host.job();
        job.prepare().await.ok();
        let script = started(&job, "sleep 3600").await;
        double.end_pod(&double.pods()[0].name, PodEnd::evicted()).await;
        ended(script).await.failed_as(SYSTEM_FAILURE).says("Evicted");
        assert_eq!(job.exit_code(), None, "{way}");
        job.cleanup().await.ok();
    }
}

#[tokio::test]
async fn a_cancelled_job_by_exec_ends_its_processes_and_keeps_the_pod() {
    let (double, host) = reached_by("exec").await;
    let job = host.job();
    job.prepare().await.ok();
    let file = job.directory.path().join("pid");
    let body = format!("sleep 3600 & echo $! >{}; wait", file.display());
    let script = started(&job, &body).await;
    eventually("the process id", || fs::read_to_string(&file).is_ok_and(|id| id.ends_with('\n')))
        .await;
    let pid = pid_in(&file);
    signal(&script, Signal::TERM);
    ended(script).await.failed_as(SYSTEM_FAILURE);
    eventually("the end of the script's process", || !alive(pid)).await;
    job.script("echo after", "after_script").await.ok();
    assert_eq!(double.running(), 1);
    job.cleanup().await.ok();
}

#[tokio::test]
async fn an_image_without_a_shell_is_named_in_prepare() {
    let (double, host) = reached_by("exec").await;
    let pod = "kind: Pod\nspec:\n  containers:\n  - name: ci-coordinator\n    \
               command: [/bin/sleep, \"3600\"]\n    env: [{name: PATH, value: /nowhere}]\n";
    use_template(&host, pod);
    let job = host.job();
    job.prepare().await.failed_as(SYSTEM_FAILURE).says("its image has no shell").says("busybox");
    eventually("the end of every pod", || double.running() == 0).await;
    job.cleanup().await.ok();
}

#[tokio::test]
async fn a_port_nobody_listens_on_is_named() {
    let (_double, host) = reached("port-forward", options("exec")).await;
    let pod = "kind: Pod\nspec:\n  containers:\n  - name: ci-coordinator\n    \
               command: [sleep, \"3600\"]\n";
    use_template(&host, pod);
    start_timeout(&host, "5s");
    let job = host.job();
    job.prepare().await.failed_as(SYSTEM_FAILURE).says("connection refused");
    job.cleanup().await.ok();
}
