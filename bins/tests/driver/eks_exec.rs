//! Scripts through the cluster's API: much data, what is left behind, old clusters.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use fargate_test_support::eks::{EksOptions, LostOutput, StreamOptions};
use rustix::process::Signal;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::checks::{pids_in, stubborn_script, tells};
use crate::eks_ways::{calls, endless, nothing_left, options, reached, reached_by, started};
use crate::harness::{
    BUILD_FAILURE, Host, Job, PATIENCE, SYSTEM_FAILURE, alive, ended, eventually, signal,
};
use crate::streams::peak_memory;

/// Bytes that repeat nowhere near, by xorshift.
fn noise(size: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let words = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    words.flatten().take(size).collect()
}

#[tokio::test]
async fn a_script_of_twenty_megabytes_arrives_as_it_is() {
    let (double, host) = reached_by("exec").await;
    let job = host.job();
    job.prepare().await.ok();
    let payload: String = noise(1_260_000).iter().map(|byte| format!("{byte:015x}\n")).collect();
    let file = job.directory.path().join("arrived");
    let script = format!("cat >{} <<'END'\n{payload}END\n", file.display());
    assert!(script.len() > 20_000_000);
    job.raw_script(script.as_bytes(), "build_script").await.ok();
    assert!(fs::read(file).unwrap() == payload.as_bytes(), "it arrived changed");
    job.cleanup().await.ok();
    nothing_left(&double, &host).await;
}

#[tokio::test]
async fn output_on_both_streams_arrives_byte_for_byte() {
    let (double, host) = reached_by("exec").await;
    let job = host.job();
    job.prepare().await.ok();
    let file = job.directory.path().join("noise");
    let data = noise(50_000_000);
    fs::write(&file, &data).unwrap();
    let body = format!("cat {0} & cat {0} >&2; wait", file.display());
    let child = job.start_script(&body, "build_script");
    let output = timeout(PATIENCE, child.wait_with_output()).await.expect("no hang").unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stdout == data, "stdout has {} bytes", output.stdout.len());
    assert!(output.stderr == data, "stderr has {} bytes", output.stderr.len());
    job.cleanup().await.ok();
    nothing_left(&double, &host).await;
}

#[tokio::test]
async fn a_daemon_that_is_left_behind_does_not_hold_the_stage() {
    let (double, host) = reached_by("exec").await;
    let job = host.job();
    job.prepare().await.ok();
    let left = job.script("echo first; sleep 3600 & echo $!", "build_script").await.ok();
    let pid: u32 = left.stdout_text().lines().nth(1).unwrap().parse().unwrap();
    assert!(alive(pid), "it may serve the next stage");
    job.script("true", "after_script").await.ok();
    job.cleanup().await.ok();
    nothing_left(&double, &host).await;
    assert!(!alive(pid));
}

#[tokio::test]
async fn a_cluster_that_gives_up_on_a_daemons_output_does_not_fail_the_stage() {
    let drain_timeout = Some(Duration::from_millis(100));
    let streams = StreamOptions { drain_timeout, ..StreamOptions::default() };
    let (double, host) = reached("exec", EksOptions { streams, ..options("exec") }).await;
    let job = host.job();
    job.prepare().await.ok();
    let left = job.script("echo out; sleep 3600 & exit 3", "build_script").await;
    let left = left.failed_as(BUILD_FAILURE);
    assert_eq!(left.stdout_text(), "out\n");
    job.script("sleep 3600 &", "after_script").await.ok();
    job.cleanup().await.ok();
    nothing_left(&double, &host).await;
}

#[tokio::test]
async fn a_cluster_that_cannot_tell_the_end_of_input_is_called_too_old() {
    let streams = StreamOptions { only_v4: true, ..StreamOptions::default() };
    let (double, host) = reached("exec", EksOptions { streams, ..options("exec") }).await;
    let job = host.job();
    tells(&job.prepare().await, &["too old", "Kubernetes 1.30"]);
    assert_eq!(calls(&double, "get pods/exec"), 1, "it does not get younger");
    job.cleanup().await.ok();
    nothing_left(&double, &host).await;
}

#[tokio::test]
async fn a_server_that_closes_at_once_loses_no_output() {
    for waits_for_close in [false, true] {
        let streams = StreamOptions { waits_for_close, ..StreamOptions::default() };
        let (double, host) = reached("exec", EksOptions { streams, ..options("exec") }).await;
        let job = host.job();
        job.prepare().await.ok();
        for _ in 0..5 {
            let ran = job.script("seq 1 20000; exit 0", "build_script").await.ok();
            assert_eq!(ran.stdout_text().lines().last(), Some("20000"));
        }
        job.cleanup().await.ok();
        nothing_left(&double, &host).await;
    }
}

/// The connection breaks under a script that goes on writing, and whatever becomes of that
/// output, cleanup ends the script.
#[tokio::test]
async fn a_script_whose_output_is_lost_does_not_outlive_the_job() {
    for lost in
        [None, Some(LostOutput::Discarded), Some(LostOutput::Stalled), Some(LostOutput::Broken)]
    {
        let streams = StreamOptions { lost_output: lost, ..StreamOptions::default() };
        let (double, host) = reached("exec", EksOptions { streams, ..options("exec") }).await;
        let job = host.job();
        job.prepare().await.ok();
        let file = job.directory.path().join("pid");
        let body = format!("echo $$ >{}; yes", file.display());
        let script = job.start_script(&body, "build_script");
        eventually("the process id", || {
            fs::read_to_string(&file).is_ok_and(|id| id.ends_with('\n'))
        })
        .await;
        let pid = fs::read_to_string(&file).unwrap().trim().parse().unwrap();
        double.cut_connections();
        let told = ended(script).await;
        assert_eq!(told.code, Some(SYSTEM_FAILURE), "{lost:?}: {}", told.stderr);
        assert!(told.stderr.contains("whether the script finished is unknown"), "{}", told.stderr);
        job.cleanup().await.ok();
        nothing_left(&double, &host).await;
        assert!(!alive(pid), "{lost:?}");
    }
}

#[tokio::test]
async fn twenty_scripts_at_once_in_one_pod_share_nothing() {
    let (double, host) = reached_by("exec").await;
    let host: &'static Host = Box::leak(Box::new(host));
    let job: &'static Job<'_> = Box::leak(Box::new(host.job()));
    job.prepare().await.ok();
    let mut scripts = JoinSet::new();
    for number in 0..20 {
        scripts.spawn(async move {
            let body = format!(
                "echo $$; for i in 1 2 3 4 5; do echo {number}; sleep 0.1; done; echo {number} >&2"
            );
            let ran = job.script(&body, "build_script").await.ok();
            let text = ran.stdout_text();
            let (pid, rest) = text.split_once('\n').unwrap();
            assert_eq!(rest, format!("{number}\n").repeat(5));
            assert_eq!(ran.stderr, format!("{number}\n"));
            pid.parse::<u32>().unwrap()
        });
    }
    let pids: BTreeSet<u32> = scripts.join_all().await.into_iter().collect();
    assert_eq!(pids.len(), 20);
    assert_eq!(double.pods().len(), 1);
    job.cleanup().await.ok();
    nothing_left(&double, host).await;
    fs::remove_dir_all(host.directory.path()).unwrap();
    fs::remove_dir_all(job.directory.path()).unwrap();
}

#[tokio::test]
async fn what_ignores_the_signal_is_killed_through_the_api() {
    let (double, host) = reached_by("exec").await;
    let job = host.job();
    job.prepare().await.ok();
    let file = job.directory.path().join("pids");
    let script = job.start_script(&stubborn_script(&file), "build_script");
    let pids = pids_in(&file).await;
    signal(&script, Signal::TERM);
    ended(script).await.failed_as(SYSTEM_FAILURE).says("cancelled");
    eventually("the end of the processes", || !pids.iter().any(|pid| alive(*pid))).await;
    assert_eq!(double.running(), 1, "the pod is still there for the next stage");
    job.cleanup().await.ok();
    nothing_left(&double, &host).await;
}

#[tokio::test]
async fn two_jobs_do_not_reach_each_others_pods() {
    let (double, host) = reached_by("exec").await;
    let (one, other) = (host.job(), host.job());
    one.prepare().await.ok();
    other.prepare().await.ok();
    let (script, pid) = endless(&one).await;
    let also = started(&other, "sleep 3600").await;
    other.cleanup().await.ok();
    ended(also).await.failed_as(SYSTEM_FAILURE);
    assert!(alive(pid), "the other job goes on");
    one.cleanup().await.ok();
    ended(script).await.failed_as(SYSTEM_FAILURE);
    nothing_left(&double, &host).await;
}

/// Nobody reads what a script writes: it stops at what the buffers in between hold.
#[tokio::test]
async fn a_reader_that_stalls_holds_the_script_up_and_costs_no_memory() {
    for way in ["exec", "port-forward"] {
        let (double, host) = reached_by(way).await;
        let job = host.job();
        job.prepare().await.ok();
        let progress = job.directory.path().join("progress");
        let body =
            format!("while head -c 1048576 /dev/zero; do echo >>{}; done", progress.display());
        let mut child = job.start_script(&body, "build_script");
        let written = || fs::metadata(&progress).map_or(0, |data| data.len());
        let (mut last, mut unchanged) = (0, 0);
        eventually("a script that is held up for a second", || {
            let before = std::mem::replace(&mut last, written());
            unchanged = if last > 0 && last == before { unchanged + 1 } else { 0 };
            unchanged == 20
        })
        .await;
        let peak = peak_memory(child.id().unwrap());
        assert!(last < 64, "{way}: {last} MiB were written and none was read");
        assert!(peak < 64 << 20, "{way}: the driver took {peak} bytes");
        signal(&child, Signal::TERM);
        drop((child.stdout.take(), child.stderr.take()));
        timeout(PATIENCE, child.wait()).await.expect("no hang").unwrap();
        job.cleanup().await.ok();
        nothing_left(&double, &host).await;
    }
}
