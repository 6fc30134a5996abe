//! Pods that go away under a job.

use std::time::Duration;

use fargate_test_support::eks::{EksDouble, EksOptions, PodDelays, PodEnd};

use crate::checks::tells;
use crate::eks_ways::{WAYS, endless, nothing_left, options, reached, reached_by};
use crate::harness::{alive, ended};

/// Somebody takes the pod away while a script runs: the stage says so, and cleanup is content.
///
/// The pod is in the API for `removal` after its processes have gone.
async fn is_named_mid_script(
    way: &str,
    removal: Duration,
    take: impl AsyncFnOnce(&EksDouble, &str),
    words: &[&str],
) {
    let delays = PodDelays { removal, ..PodDelays::default() };
    let (double, host) = reached(way, EksOptions { delays, ..options(way) }).await;
    let job = host.job();
    job.prepare().await.ok();
    let (script, pid) = endless(&job).await;
    take(&double, &double.pods()[0].name).await;
    tells(&ended(script).await, words);
    assert_eq!(job.exit_code(), None, "{way}");
    job.cleanup().await.ok();
    nothing_left(&double, &host).await;
    assert!(!alive(pid), "{way}");
}

#[tokio::test]
async fn a_pod_that_is_deleted_mid_script_is_told_over_every_way() {
    for way in WAYS {
        for removal in [Duration::ZERO, Duration::from_secs(2)] {
            let delete = async |double: &EksDouble, pod: &str| double.delete_pod(pod);
            is_named_mid_script(way, removal, delete, &["deleted"]).await;
        }
    }
}

#[tokio::test]
async fn a_pod_that_is_drained_mid_script_is_told_over_every_way() {
    for way in WAYS {
        let drain = async |double: &EksDouble, pod: &str| double.evict_pod(pod);
        let words = ["EvictionByEvictionAPI", "retry the job"];
        is_named_mid_script(way, Duration::from_secs(2), drain, &words).await;
    }
}

#[tokio::test]
async fn a_node_that_goes_is_told_over_every_way() {
    for way in WAYS {
        let words = ["imminent node shutdown"];
        let end = async |double: &EksDouble, pod: &str| {
            double.end_pod(pod, PodEnd::node_shutdown()).await;
        };
        is_named_mid_script(way, Duration::ZERO, end, &words).await;
    }
}

#[tokio::test]
async fn a_lack_of_memory_is_told_over_every_way() {
    for way in WAYS {
        let words = ["OOMKilled", "raise Memory"];
        let end = async |double: &EksDouble, pod: &str| {
            double.end_pod(pod, PodEnd::oom_killed()).await;
        };
        is_named_mid_script(way, Duration::ZERO, end, &words).await;
    }
}

#[tokio::test]
async fn a_pod_that_is_gone_between_stages_fails_the_next_one() {
    for way in WAYS {
        let (double, host) = reached_by(way).await;
        let job = host.job();
        job.prepare().await.ok();
        job.script("true", "prepare_script").await.ok();
        let name = double.pods()[0].name.clone();
        double.delete_pod(&name);
        double.wait_gone(&name).await;
        let script = job.script("echo ran", "build_script").await;
        tells(&script, &["does not know it", "deleted"]);
        assert_eq!((script.stdout_text().as_str(), job.exit_code()), ("", None), "{way}");
        job.cleanup().await.ok();
        nothing_left(&double, &host).await;
    }
}

#[tokio::test]
async fn a_pod_that_ended_between_stages_fails_the_next_one_with_its_reason() {
    for way in WAYS {
        let (double, host) = reached_by(way).await;
        let job = host.job();
        job.prepare().await.ok();
        double.end_pod(&double.pods()[0].name, PodEnd::evicted()).await;
        let script = job.script("echo ran", "build_script").await;
        tells(&script, &["Evicted", "ephemeral-storage"]);
        assert_eq!((script.stdout_text().as_str(), job.exit_code()), ("", None), "{way}");
        job.cleanup().await.ok();
        nothing_left(&double, &host).await;
    }
}
