//! Credentials that the cluster does not take (any more), and a cluster by its name.

use fargate_test_support::eks::{EksDouble, Fault, Trouble};

use crate::checks::{rewrite, tells};
use crate::eks_ways::{WAYS, calls, nothing_left, options, reached_by, set};
use crate::harness::{Host, eventually};
use crate::jobs::whole_job;

/// A host that knows the double's cluster by its name, as an EKS cluster of an AWS account.
pub(crate) fn by_name(double: &EksDouble) -> Host {
    let mut host = Host::eks(double);
    let kubeconfig = format!("Kubeconfig = {:?}", double.kubeconfig());
    let options = double.options();
    let named = format!("Cluster = {:?}\n  Region = {:?}", options.cluster, options.region);
    rewrite(&host, &kubeconfig, &named);
    host.environment = environment(double, "AWS_ENDPOINT_URL");
    host
}

fn environment(double: &EksDouble, endpoint: &str) -> Vec<(String, String)> {
    let (id, secret) = double.credentials();
    [("AWS_ACCESS_KEY_ID", id), ("AWS_SECRET_ACCESS_KEY", secret), (endpoint, &double.url())]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
}

#[tokio::test]
async fn a_whole_job_on_a_cluster_by_name_over_each_way() {
    for way in WAYS {
        let double = EksDouble::start(options(way)).await;
        let host = by_name(&double);
        set(&host, &format!("Connect = {way:?}"));
        whole_job(&host).await;
        eventually("the end of every pod", || double.running() == 0).await;
        assert!(calls(&double, "get clusters") > 0);
    }
}

#[tokio::test]
async fn an_address_for_the_eks_service_alone_is_used() {
    let double = EksDouble::start(options("ssh")).await;
    let mut host = by_name(&double);
    host.environment = environment(&double, "AWS_ENDPOINT_URL_EKS");
    let job = host.job();
    job.prepare().await.ok();
    job.cleanup().await.ok();
    nothing_left(&double, &host).await;
}

#[tokio::test]
async fn a_cluster_that_is_not_there_is_named() {
    let double = EksDouble::start(options("ssh")).await;
    let host = by_name(&double);
    set(&host, "Cluster = \"no-such-cluster\"");
    let job = host.job();
    let words = ["eks:DescribeCluster", "no-such-cluster", "ResourceNotFoundException", "Region"];
    tells(&job.prepare().await, &words);
    job.cleanup().await.ok();
    assert_eq!(host.metadata_files(), 0);
}

#[tokio::test]
async fn without_the_right_to_describe_the_cluster_the_action_is_named() {
    let double = EksDouble::start(options("ssh")).await;
    double.inject(Fault::new("get", "clusters", Trouble::Forbidden).always());
    let host = by_name(&double);
    let prepared = host.job().prepare().await;
    tells(&prepared, &["eks:DescribeCluster", "AccessDeniedException", "allow"]);
}

#[tokio::test]
async fn credentials_that_aws_does_not_know_are_told() {
    let double = EksDouble::start(options("ssh")).await;
    let mut host = by_name(&double);
    for (name, value) in &mut host.environment {
        if name == "AWS_SECRET_ACCESS_KEY" {
            "not-the-key".clone_into(value);
        }
    }
    let prepared = host.job().prepare().await;
    tells(&prepared, &["eks:DescribeCluster", "InvalidSignatureException", "credentials"]);
}

#[tokio::test]
async fn a_token_that_is_refused_once_is_made_anew() {
    for (verb, resource) in
        [("create", "pods"), ("get", "pods"), ("get", "pods/exec"), ("delete", "pods")]
    {
        let double = EksDouble::start(options("exec")).await;
        double.inject(Fault::new(verb, resource, Trouble::Unauthorized));
        let host = by_name(&double);
        set(&host, "Connect = \"exec\"");
        whole_job(&host).await;
        nothing_left(&double, &host).await;
        assert_eq!(double.pods().len(), 1, "{verb} {resource}");
    }
}

#[tokio::test]
async fn a_driver_that_the_cluster_does_not_know_is_told_after_two_tokens() {
    let double = EksDouble::start(options("ssh")).await;
    double.inject(Fault::new("create", "pods", Trouble::Unauthorized).always());
    let host = by_name(&double);
    let prepared = host.job().prepare().await;
    tells(&prepared, &["401 Unauthorized", "EKS access entry"]);
    assert_eq!(calls(&double, "create pods"), 2, "each with a token of its own");
}

#[tokio::test]
async fn a_token_of_a_kubeconfig_that_is_refused_fails_one_stage_only() {
    let (double, host) = reached_by("exec").await;
    let job = host.job();
    job.prepare().await.ok();
    double.inject(Fault::new("get", "pods/exec", Trouble::Unauthorized));
    let refused = job.script("echo ran", "build_script").await;
    tells(&refused, &["401 Unauthorized", "pods/exec"]);
    assert_eq!((refused.stdout_text().as_str(), job.exit_code()), ("", None));
    assert_eq!(job.script("echo ran", "after_script").await.ok().stdout_text(), "ran\n");
    job.cleanup().await.ok();
    nothing_left(&double, &host).await;
}
