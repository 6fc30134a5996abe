//! The image a job's pod runs: the job's own, where the operator allows it.

use std::fs;
use std::time::Duration;

use fargate_test_support::eks::{EksDouble, EksOptions, Fault, PodDelays, Trouble};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::checks::{rewrite, tells};
use crate::harness::{BUILD_FAILURE, Host, Job, SYSTEM_FAILURE, ended, eventually, signal};

const DEFAULT: &str = "registry.example.com/ci:7";
const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// A host for the double with these patterns in `AllowedImages`.
fn host_that_allows(double: &EksDouble, patterns: &[&str]) -> Host {
    let host = Host::eks(double);
    rewrite(&host, "[EKS]\n", &format!("[EKS]\n  AllowedImages = {patterns:?}\n"));
    host
}

/// The container of the newest pod.
fn container(double: &EksDouble) -> Value {
    let pod = double.pods().pop().expect("a pod");
    pod.json["spec"]["containers"][0].clone()
}

/// Nothing was asked of the cluster, and nothing is left.
async fn nothing_happened(double: &EksDouble, host: &Host, job: &Job<'_>) {
    assert!(double.calls().is_empty(), "{:?}", double.calls());
    assert_eq!(host.metadata_files(), 0);
    job.cleanup().await.ok();
}

#[tokio::test]
async fn an_allowed_image_is_what_the_jobs_pod_runs() {
    let double = EksDouble::start(EksOptions::default()).await;
    let host = host_that_allows(&double, &["alpine:*", "registry.example.com/**"]);
    let image = json!({"name": "registry.example.com/group/rust:1.80",
        "entrypoint": ["/init", "--", "$(HOME)"], "pull_policy": ["always", "if-not-present"]});
    let job = host.job_with_image(image);
    let prepared = job.prepare().await.ok();
    prepared.says("Starting a pod of registry.example.com/group/rust:1.80 in namespace ci");
    let container = container(&double);
    assert_eq!(container["image"], "registry.example.com/group/rust:1.80");
    assert_eq!(container["command"], json!(["/init", "--", "$$(HOME)"]));
    assert_eq!(container["args"].as_array().map_or(0, Vec::len), 0, "{container}");
    assert_eq!(container["imagePullPolicy"], "Always");
    let script = job.script("echo works", "build_script").await.ok();
    assert_eq!(script.stdout_text(), "works\n");
    job.cleanup().await.ok();
    eventually("the end of every pod", || double.running() == 0).await;
    assert_eq!(host.metadata_files(), 0);
}

#[tokio::test]
async fn digests_ports_and_the_default_image_are_allowed_images_too() {
    let double = EksDouble::start(EksOptions::default()).await;
    let host = host_that_allows(&double, &["r.example.com:5000/*", "alpine@*"]);
    for name in ["r.example.com:5000/a:1", &format!("alpine@{DIGEST}"), DEFAULT] {
        let job = host.job_with_image(json!({"name": name, "entrypoint": [""]}));
        job.prepare().await.ok().says(&format!("Starting a pod of {name} in"));
        let container = container(&double);
        assert_eq!(container["image"], name);
        assert_eq!(container.get("command"), None, "{container}");
        job.cleanup().await.ok();
    }
}

#[tokio::test]
async fn a_job_without_an_image_runs_in_the_default_image() {
    let double = EksDouble::start(EksOptions::default()).await;
    let host = host_that_allows(&double, &["alpine:*"]);
    for none in [json!(null), json!({"name": ""})] {
        let job = host.job_with_image(none);
        job.prepare().await.ok().says(&format!("Starting a pod of {DEFAULT} in"));
        assert_eq!(container(&double)["image"], DEFAULT);
        job.cleanup().await.ok();
    }
}

#[tokio::test]
async fn a_job_without_an_image_needs_a_default_image() {
    let double = EksDouble::start(EksOptions::default()).await;
    let host = host_that_allows(&double, &["alpine:*"]);
    rewrite(&host, &format!("DefaultImage = \"{DEFAULT}\"\n"), "");
    let job = host.job();
    let refused = job.prepare().await.failed_as(BUILD_FAILURE);
    refused.says("the job names no image").says("fix: ").says("DefaultImage");
    nothing_happened(&double, &host, &job).await;
    let job = host.job_with_image(json!({"name": "alpine:3"}));
    job.config().await.ok();
    job.prepare().await.ok();
    assert_eq!(container(&double)["image"], "alpine:3");
    job.script("true", "build_script").await.ok();
    job.cleanup().await.ok();
}

#[tokio::test]
async fn an_image_that_is_not_allowed_creates_no_pod() {
    let double = EksDouble::start(EksOptions::default()).await;
    let host = host_that_allows(&double, &["alpine:*", "r.example.com/*"]);
    for name in ["alpine", "evil/alpine:3", "r.example.com/a/b", "r.example.com.evil.org/a"] {
        let job = host.job_with_image(json!({ "name": name }));
        let refused = job.prepare().await.failed_as(BUILD_FAILURE);
        let refused = refused.says(&format!("the image {name}, which is not allowed"));
        refused.says(&format!("alpine:*, r.example.com/*, {DEFAULT}")).says("AllowedImages");
        nothing_happened(&double, &host, &job).await;
    }
}

#[tokio::test]
async fn without_allowed_images_the_job_is_told_that_its_image_is_not_used() {
    let double = EksDouble::start(EksOptions::default()).await;
    let host = Host::eks(&double);
    let job = host.job_with_image(json!({"name": "alpine:3", "entrypoint": ["/x"]}));
    let prepared = job.prepare().await.ok();
    let line = format!(
        "The job's image alpine:3 is not used: EKS.AllowedImages is not set; the job runs in {DEFAULT}\n"
    );
    assert_eq!(prepared.stderr.matches(&line).count(), 1, "{}", prepared.stderr);
    assert_eq!(container(&double)["image"], DEFAULT);
    assert_eq!(container(&double).get("command"), None);
    job.cleanup().await.ok();
    for nothing_to_say in [json!({ "name": DEFAULT }), json!({"name": 7})] {
        let job = host.job_with_image(nothing_to_say);
        let prepared = job.prepare().await.ok();
        assert!(!prepared.stderr.contains("not used"), "{}", prepared.stderr);
        job.cleanup().await.ok();
    }
}

#[tokio::test]
async fn what_is_no_images_name_is_the_authors_error() {
    let double = EksDouble::start(EksOptions::default()).await;
    let host = host_that_allows(&double, &["**"]);
    for (image, words) in [
        (json!({"name": "alpine 3"}), ["alpine 3", "space"]),
        (json!({"name": "alpine\n\u{1b}[31mERROR"}), ["alpine\\n", "space"]),
        (json!({"name": "Alpine:3"}), ["Alpine:3", "upper-case"]),
        (json!({"name": "-v"}), ["-v", "parts"]),
        (json!({"name": "r.example.com/../x"}), ["r.example.com/../x", "parts"]),
        (json!({"name": "a".repeat(5000)}), ["aaa", "4096"]),
        (json!({"name": "$NOWHERE"}), ["no image's name", "variables"]),
        (json!({"name": "a", "pull_policy": "sometimes"}), ["sometimes", "if-not-present"]),
        (json!({"name": "a", "entrypoint": ["", "x"]}), ["entrypoint", "empty"]),
        (json!({"name": "a", "entrypoint": ["x".repeat(100_000)]}), ["entrypoint", "64 KiB"]),
    ] {
        let job = host.job_with_image(image);
        let refused = job.prepare().await.failed_as(BUILD_FAILURE);
        let refused = refused.says(words[0]).says(words[1]).says("fix: ");
        assert!(refused.stderr.len() < 1000, "{}", refused.stderr);
        nothing_happened(&double, &host, &job).await;
    }
}

#[tokio::test]
async fn an_image_of_another_form_is_an_error_where_it_would_be_used() {
    let double = EksDouble::start(EksOptions::default()).await;
    let host = host_that_allows(&double, &["**"]);
    for odd in [json!("hunter2"), json!({"name": 7}), json!({"name": "a", "entrypoint": "b"})] {
        let job = host.job_with_image(odd);
        let ended = job.prepare().await;
        tells(&ended, &["read the job response", "image"]);
        nothing_happened(&double, &host, &job).await;
    }
}

#[tokio::test]
async fn variables_in_the_name_are_expanded_and_masked_ones_never_shown() {
    let double = EksDouble::start(EksOptions::default()).await;
    let host = host_that_allows(&double, &["registry.example.com/**"]);
    let log = host.directory.path().join("driver.log");
    rewrite(&host, "Backend", &format!("LogLevel = \"debug\"\nLogFile = {log:?}\nBackend"));
    let variables = json!([
        {"key": "CI_REGISTRY_IMAGE", "value": "registry.example.com/$GROUP/app", "public": true},
        {"key": "GROUP", "value": "tools"},
        {"key": "TAG", "value": "hunter2", "masked": true},
    ]);
    let job = host.job_with_image(json!({"name": "$CI_REGISTRY_IMAGE:${TAG}"}));
    job.respond("variables", variables.clone());
    let prepared = job.prepare().await.ok();
    let prepared = prepared.says("Starting a pod of registry.example.com/tools/app:[MASKED] in");
    assert_eq!(container(&double)["image"], "registry.example.com/tools/app:hunter2");
    job.cleanup().await.ok();

    let job = host.job_with_image(json!({"name": "docker.io/$TAG"}));
    job.respond("variables", variables);
    let refused = job.prepare().await.failed_as(BUILD_FAILURE).says("docker.io/[MASKED]");
    let written = fs::read_to_string(log).unwrap();
    assert!(written.contains("docker.io/[MASKED]"), "{written}");
    for text in [prepared.stderr, refused.stderr, written] {
        assert!(!text.contains("hunter2"), "{text}");
    }
}

#[tokio::test]
async fn a_variable_names_the_image_only_for_a_runner_without_a_job_response() {
    let double = EksDouble::start(EksOptions::default()).await;
    let host = host_that_allows(&double, &["alpine:*"]);
    let mut job = host.job_with_image(json!({"name": "alpine:of-the-response"}));
    job.variable("CI_JOB_IMAGE", "alpine:of-a-variable");
    job.prepare().await.ok();
    assert_eq!(container(&double)["image"], "alpine:of-the-response");
    job.cleanup().await.ok();

    let old =
        |stage: &str| ended(job.command(&[stage]).env_remove("JOB_RESPONSE_FILE").spawn().unwrap());
    old("prepare").await.ok();
    assert_eq!(container(&double)["image"], "alpine:of-a-variable");
    old("cleanup").await.ok();
    assert_eq!(host.metadata_files(), 0);
}

#[tokio::test]
async fn after_a_killed_prepare_the_next_one_runs_the_same_image() {
    let creating = PodDelays { creating: Duration::from_secs(3), ..PodDelays::default() };
    let slow = EksOptions { delays: creating, ..EksOptions::default() };
    for created in [false, true] {
        let double = EksDouble::start(slow.clone()).await;
        let host = host_that_allows(&double, &["alpine:*"]);
        let job = host.job_with_image(json!({"name": "alpine:1", "entrypoint": ["/first"]}));
        if !created {
            let late = Trouble::Delay(Duration::from_secs(30));
            double.inject(Fault::new("create", "pods", late));
        }
        let preparing = job.spawn(&["prepare"]);
        let calls = |name: &str| double.calls().get(name).copied().unwrap_or(0);
        let reached = || calls(if created { "watch pods" } else { "create pods" }) > 0;
        eventually("the moment", reached).await;
        signal(&preparing, Signal::KILL);
        assert_eq!(ended(preparing).await.code, None, "it was killed");
        assert_eq!(double.pods().len(), usize::from(created));

        // What is recorded counts: launching the key again is the same request.
        job.respond("image", json!({"name": "alpine:2"}));
        job.prepare().await.ok();
        assert_eq!(double.pods().len(), 1, "one pod, not two");
        let container = container(&double);
        assert_eq!(container["image"], "alpine:1");
        assert_eq!(container["command"], json!(["/first"]));
        job.script("true", "build_script").await.ok();
        job.cleanup().await.ok();
        eventually("the end of every pod", || double.running() == 0).await;
        assert_eq!(host.metadata_files(), 0);
    }
}

#[tokio::test]
async fn a_broken_pattern_is_the_operators_error() {
    let double = EksDouble::start(EksOptions::default()).await;
    for (pattern, word) in [("[", "no pattern"), ("r.example.com/**:1", "stands alone")] {
        let host = host_that_allows(&double, &["alpine", pattern]);
        let job = host.job_with_image(json!({"name": "alpine"}));
        let ended = job.prepare().await.failed_as(SYSTEM_FAILURE);
        ended.says("EKS.AllowedImages").says(pattern).says(word);
        nothing_happened(&double, &host, &job).await;
    }
}
