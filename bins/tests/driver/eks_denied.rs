//! What the cluster does not let the driver do, and the rule that would allow it.

use fargate_test_support::eks::{EksOptions, Fault, StreamOptions, Trouble};

use crate::checks::tells;
use crate::eks_ways::{calls, nothing_left, options, reached, reached_by};

#[tokio::test]
async fn without_the_right_to_create_pods_the_rule_is_named() {
    let (double, host) = reached_by("ssh").await;
    double.inject(Fault::new("create", "pods", Trouble::Forbidden).always());
    let job = host.job();
    let words = [
        "refused to create pods",
        "User \"ci\" cannot create resource \"pods\"",
        "403 Forbidden",
        "bind \"ci\" to a Role in namespace ci",
        "resources: [\"pods\"], verbs: [\"create\"]",
    ];
    tells(&job.prepare().await, &words);
    assert_eq!(calls(&double, "create pods"), 1, "a right does not come by asking again");
    job.cleanup().await.ok();
    assert!(double.pods().is_empty());
    nothing_left(&double, &host).await;
}

#[tokio::test]
async fn without_the_right_to_watch_pods_jobs_run_and_the_rule_is_told() {
    for verb in ["list", "watch"] {
        let (double, host) = reached_by("ssh").await;
        double.inject(Fault::new(verb, "pods", Trouble::Forbidden).always());
        let job = host.job();
        let prepared = job.prepare().await.ok();
        let rule = format!("resources: [\"pods\"], verbs: [\"{verb}\"]");
        assert_eq!(prepared.stderr.matches(&rule).count(), 1, "{}", prepared.stderr);
        assert_eq!(job.script("echo ran", "build_script").await.ok().stdout_text(), "ran\n");
        job.cleanup().await.ok();
        nothing_left(&double, &host).await;
    }
}

#[tokio::test]
async fn without_the_right_to_see_pods_prepare_names_the_rule_and_leaves_none() {
    let (double, host) = reached_by("ssh").await;
    for verb in ["list", "get"] {
        double.inject(Fault::new(verb, "pods", Trouble::Forbidden).always());
    }
    let job = host.job();
    let words =
        ["403 Forbidden", "Role in namespace ci", "resources: [\"pods\"], verbs: [\"get\"]"];
    tells(&job.prepare().await, &words);
    job.cleanup().await.ok();
    nothing_left(&double, &host).await;
}

/// Without the right to `verb` the resource that `way` needs, prepare fails at once, names the
/// rule and leaves nothing.
async fn is_named(way: &str, verb: &'static str, resource: &'static str) {
    let streams = StreamOptions { needs_create: verb == "create", ..StreamOptions::default() };
    let (double, host) = reached(way, EksOptions { streams, ..options(way) }).await;
    double.inject(Fault::new(verb, resource, Trouble::Forbidden).always());
    let job = host.job();
    let rule = format!("resources: [\"{resource}\"], verbs: [\"get\", \"create\"]");
    let prepared = job.prepare().await;
    tells(&prepared, &["403 Forbidden", "Role in namespace ci", &rule, resource]);
    assert_eq!(calls(&double, &format!("get {resource}")), 1, "{:?}", double.calls());
    job.cleanup().await.ok();
    nothing_left(&double, &host).await;
}

#[tokio::test]
async fn without_the_right_to_get_commands_the_rule_is_named() {
    is_named("exec", "get", "pods/exec").await;
}

#[tokio::test]
async fn without_the_right_to_create_commands_the_rule_is_named() {
    is_named("exec", "create", "pods/exec").await;
}

#[tokio::test]
async fn without_the_right_to_get_ports_the_rule_is_named() {
    is_named("port-forward", "get", "pods/portforward").await;
}

#[tokio::test]
async fn without_the_right_to_create_ports_the_rule_is_named() {
    is_named("port-forward", "create", "pods/portforward").await;
}

#[tokio::test]
async fn a_right_that_is_taken_away_between_stages_is_told() {
    for (way, resource) in [("exec", "pods/exec"), ("port-forward", "pods/portforward")] {
        let (double, host) = reached_by(way).await;
        let job = host.job();
        job.prepare().await.ok();
        double.inject(Fault::new("get", resource, Trouble::Forbidden).always());
        let script = job.script("echo ran", "build_script").await;
        tells(&script, &[resource, "403 Forbidden", "Role in namespace ci"]);
        assert_eq!(script.stdout_text(), "");
        assert_eq!(job.exit_code(), None);
        job.cleanup().await.ok();
        nothing_left(&double, &host).await;
    }
}

#[tokio::test]
async fn a_cleanup_that_may_not_delete_the_pod_fails_and_can_be_repeated() {
    let (double, host) = reached_by("exec").await;
    let job = host.job();
    job.prepare().await.ok();
    double.inject(Fault::new("delete", "pods", Trouble::Forbidden).always());
    tells(&job.cleanup().await, &["cannot delete resource \"pods\"", "verbs: [\"delete\"]"]);
    assert_eq!((double.running(), host.metadata_files()), (1, 1), "the file goes last");
    double.clear_faults();
    job.cleanup().await.ok();
    nothing_left(&double, &host).await;
}
