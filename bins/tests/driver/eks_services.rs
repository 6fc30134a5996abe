//! Jobs in pods, in images of their own that nobody has changed, with services and a helper
//! container beside them.

use fargate_test_support::ecs::{AGENT_IMAGE, AgentImages};
use fargate_test_support::eks::{EksDouble, EksOptions, Fault, Trouble};
use serde_json::{Value, json};

use crate::checks::rewrite;
use crate::eks_ways::{WAYS, nothing_left, set};
use crate::harness::{BUILD_FAILURE, Host, Job, RUN_STAGES, SYSTEM_FAILURE};

/// A cluster that knows the agent's image and busybox.
struct Cluster {
    double: EksDouble,
    _images: AgentImages,
}

impl Cluster {
    async fn start() -> Self {
        let images = AgentImages::new();
        let options = EksOptions { images: images.all(), ..EksOptions::default() };
        Self { double: EksDouble::start(options).await, _images: images }
    }

    /// A host that reaches pods by `way` and lets jobs have busybox for everything.
    fn host(&self, way: &str) -> Host {
        let host = Host::eks(&self.double);
        set(&host, &format!("Connect = {way:?}"));
        set(&host, &format!("AgentImage = {AGENT_IMAGE:?}"));
        set(&host, "HelperImage = \"busybox:1\"");
        set(&host, "ServiceTimeout = \"5s\"");
        rewrite(&host, "[EKS]\n", "[EKS]\n  AllowedImages = [\"busybox:*\"]\n");
        let policy = "[Policy]\n  AllowedServices = [\"**\"]\n[TaskMetadata]";
        rewrite(&host, "[TaskMetadata]", policy);
        host
    }
}

/// A job in busybox with this service.
fn job_with<'a>(host: &'a Host, service: &Value) -> Job<'a> {
    let job = host.job_with_image(json!({"name": "busybox:1"}));
    job.respond("services", json!([service]));
    job
}

/// Busybox as a service that runs a shell script.
fn service(script: &str, port: u16) -> Value {
    json!({
        "name": "busybox:1", "alias": "web", "entrypoint": ["sh", "-c"], "command": [script],
        "variables": [
            {"key": "GREETING", "value": "hello"},
            {"key": "HEALTHCHECK_TCP_PORT", "value": port.to_string()},
        ],
    })
}

const SERVE: &str = "mkdir /www && echo \"$GREETING\" > /www/x && exec httpd -f -p 8080 -h /www";

async fn a_whole_job(way: &str) {
    let cluster = Cluster::start().await;
    let host = cluster.host(way);
    let job = job_with(&host, &service(SERVE, 8080));
    job.config().await.ok();
    job.prepare().await.ok().says("Starting a pod of busybox:1").says(" is up (");
    for stage in RUN_STAGES {
        let body = match stage {
            "get_sources" => "mkdir -p /builds/app && echo sources > /builds/app/a",
            "build_script" => {
                "cat /builds/app/a && wget -q -O - http://web:8080/x && echo done >> /builds/app/a"
            }
            "upload_artifacts_on_success" => "cat /builds/app/a",
            _ => "true",
        };
        let ended = job.script(body, stage).await.ok();
        let wanted = match stage {
            "build_script" => "sources\nhello\n",
            "upload_artifacts_on_success" => "sources\ndone\n",
            _ => "",
        };
        assert_eq!(ended.stdout_text(), wanted, "{stage}");
    }
    // Each stage is where it belongs.
    for (stage, code) in [("build_script", BUILD_FAILURE), ("get_sources", BUILD_FAILURE)] {
        job.script("echo > /mine-$$; ls /mine-* | wc -l; exit 42", stage).await.failed_as(code);
    }
    let mine = job.script("ls /mine-* | wc -l", "build_script").await.ok();
    assert_eq!(mine.stdout_text(), "1\n", "the helper has a root of its own");
    job.cleanup().await.ok();
    nothing_left(&cluster.double, &host).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_job_with_a_service_over_ssh() {
    a_whole_job(WAYS[0]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_job_with_a_service_through_forwarded_ports() {
    a_whole_job(WAYS[1]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_job_with_a_service_by_exec() {
    a_whole_job(WAYS[2]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_in_a_pod_that_crashes_is_a_warning_with_its_last_words() {
    let cluster = Cluster::start().await;
    let host = cluster.host("ssh");
    let crash = service("echo no password given; exit 1", 8080);
    let job = job_with(&host, &crash);
    let prepared = job.prepare().await.ok();
    prepared.says("probably didn't start properly").says("    no password given");
    job.script("echo works", "build_script").await.ok();
    job.cleanup().await.ok();

    cluster.double.inject(Fault::new("get", "pods/log", Trouble::Forbidden));
    let job = job_with(&host, &crash);
    job.prepare().await.ok().says("probably didn't start properly").says("pods/log");
    job.script("echo works", "build_script").await.ok();
    job.cleanup().await.ok();
    nothing_left(&cluster.double, &host).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_of_a_service_in_a_pod_that_cannot_be_pulled_ends_the_wait() {
    let cluster = Cluster::start().await;
    let host = cluster.host("port-forward");
    let job = job_with(&host, &json!({"name": "registry.example.com/nothing:1"}));
    let refused = job.prepare().await.failed_as(SYSTEM_FAILURE);
    refused.says("cannot start").says("registry.example.com/nothing:1");
    job.cleanup().await.ok();
    nothing_left(&cluster.double, &host).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn job_and_helper_of_a_pod_have_one_secret_to_prove_their_host_keys_with() {
    let cluster = Cluster::start().await;
    let host = cluster.host("ssh");
    let job = host.job_with_image(json!({"name": "busybox:1"}));
    job.prepare().await.ok();
    let pod = cluster.double.pods().pop().expect("a pod");
    let containers = pod.json["spec"]["containers"].as_array().expect("containers").clone();
    let secret = |name: &str| {
        let one = containers.iter().find(|one| one["name"] == name).expect("it is there");
        let env = one["env"].as_array().expect("variables");
        let secret = env.iter().find(|one| one["name"] == "FARGATE_HOST_SECRET");
        secret.expect("a secret")["value"].as_str().expect("text").to_owned()
    };
    assert_eq!(secret("ci-coordinator"), secret("fargate-helper"));
    assert!(secret("fargate-helper").len() >= 32);
    job.cleanup().await.ok();
    nothing_left(&cluster.double, &host).await;
}
