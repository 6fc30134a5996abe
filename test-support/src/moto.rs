//! moto, the AWS mock of the Python world: an independent witness that requests and answers have
//! AWS's shape.
//!
//! It is installed by `scripts/test`; the variable `FARGATE_TEST_MOTO` names another
//! `moto_server`. Its tasks are not real, and RUNNING from the start.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::http::post;

const REGION: &str = "eu-central-1";
const ACCESS_KEY: &str = "AKIATESTMOTO00000000";

/// A running moto with what `RunTask` needs. Killed on drop.
#[derive(Debug)]
pub struct Moto {
    url: String,
    subnet: String,
    security_group: String,
    _server: Child,
}

impl Moto {
    /// Starts moto on a free port and makes a VPC, a subnet, a security group, the cluster and the
    /// task definition.
    ///
    /// # Panics
    /// When moto is not installed, or does not answer as expected.
    pub async fn start() -> Self {
        let (server, url) = start_server(&program()).await;
        // By itself every look at a task moves it on towards STOPPED.
        let manual = json!({
            "model_name": "ecs::task",
            "transition": {"progression": "manual", "times": 1_000_000},
        });
        let path = format!("{url}/moto-api/state-manager/set-transition");
        let answer = post(&path, &[("content-type", "application/json")], manual.to_string()).await;
        let answer = answer.expect("moto answers");
        assert!(answer.status < 300, "moto: {}", answer.body);

        let (subnet, security_group) = make_network(&url).await;
        ecs(&url, "CreateCluster", json!({"clusterName": "test-cluster"})).await;
        let container = json!({
            "name": "ci-coordinator", "image": "registry.example.com/ci:latest",
            "essential": true, "memory": 512, "cpu": 256,
        });
        let definition = json!({
            "family": "test-task", "networkMode": "awsvpc", "cpu": "256", "memory": "512",
            "requiresCompatibilities": ["FARGATE"], "containerDefinitions": [container],
        });
        ecs(&url, "RegisterTaskDefinition", definition).await;
        Self { url, subnet, security_group, _server: server }
    }

    /// The base URL of every service.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The region everything is in.
    #[must_use]
    pub fn region(&self) -> &'static str {
        REGION
    }

    /// The cluster's name.
    #[must_use]
    pub fn cluster(&self) -> &'static str {
        "test-cluster"
    }

    /// A task definition with the container `ci-coordinator`.
    #[must_use]
    pub fn task_definition(&self) -> &'static str {
        "test-task:1"
    }

    /// The id of the subnet.
    #[must_use]
    pub fn subnet(&self) -> &str {
        &self.subnet
    }

    /// The id of the security group.
    #[must_use]
    pub fn security_group(&self) -> &str {
        &self.security_group
    }

    /// An access key id and a secret key; moto accepts any.
    #[must_use]
    pub fn credentials(&self) -> (&'static str, &'static str) {
        (ACCESS_KEY, "secret-of-the-test-moto")
    }

    /// The environment that leads an AWS SDK here.
    #[must_use]
    pub fn env(&self) -> Vec<(String, String)> {
        let (key, secret) = self.credentials();
        [
            ("AWS_ENDPOINT_URL", self.url.as_str()),
            ("AWS_ACCESS_KEY_ID", key),
            ("AWS_SECRET_ACCESS_KEY", secret),
            ("AWS_REGION", REGION),
            ("AWS_EC2_METADATA_DISABLED", "true"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
    }

    /// Calls an ECS operation as it is, and returns the answer.
    ///
    /// # Panics
    /// On any answer but success.
    pub async fn ecs(&self, operation: &str, body: Value) -> Value {
        ecs(&self.url, operation, body).await
    }
}

/// `FARGATE_TEST_MOTO`, or where `scripts/test` installs it.
fn program() -> PathBuf {
    let installed =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/test-tools/moto/bin/moto_server");
    let program = std::env::var_os("FARGATE_TEST_MOTO").map_or(installed, PathBuf::from);
    assert!(
        program.is_file(),
        "no moto_server at {}: run scripts/test, which installs it, or set FARGATE_TEST_MOTO",
        program.display()
    );
    program
}

async fn start_server(program: &Path) -> (Child, String) {
    let mut server = Command::new(program)
        .args(["-H", "127.0.0.1", "-p", "0"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap_or_else(|error| panic!("{}: {error}", program.display()));
    let said = server.stderr.take().expect("stderr is piped");
    let mut lines = BufReader::new(said).lines();
    let url = timeout(Duration::from_secs(60), async {
        let mut before = String::new();
        while let Ok(Some(line)) = lines.next_line().await {
            if let Some((_, url)) = line.split_once("Running on ") {
                return Ok(url.trim().to_owned());
            }
            before = before + &line + "\n";
        }
        Err(before)
    });
    let url = url.await.expect("moto starts within a minute");
    let url = url.unwrap_or_else(|said| panic!("moto ended: {said}"));
    // It logs every request, and must find a reader.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    (server, url)
}

async fn make_network(url: &str) -> (String, String) {
    let vpc = ec2(url, "CreateVpc", &[("CidrBlock", "10.77.0.0/16")], "vpcId").await;
    // moto fails to start a task in a VPC without DNS host names.
    let names = [("VpcId", vpc.as_str()), ("EnableDnsHostnames.Value", "true")];
    ec2(url, "ModifyVpcAttribute", &names, "requestId").await;
    let subnet = [("VpcId", vpc.as_str()), ("CidrBlock", "10.77.1.0/24")];
    let subnet = ec2(url, "CreateSubnet", &subnet, "subnetId").await;
    let group = [("VpcId", vpc.as_str()), ("GroupName", "tasks"), ("GroupDescription", "CI tasks")];
    let group = ec2(url, "CreateSecurityGroup", &group, "groupId").await;
    (subnet, group)
}

/// Calls an EC2 operation; returns the text of the first element called `wanted`.
async fn ec2(url: &str, action: &str, fields: &[(&str, &str)], wanted: &str) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("Action", action).append_pair("Version", "2016-11-15");
    form.extend_pairs(fields);
    let authorization = authorization("ec2");
    let headers = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("authorization", authorization.as_str()),
    ];
    let answer = post(url, &headers, form.finish()).await.expect("moto answers");
    assert_eq!(answer.status, 200, "moto, {action}: {}", answer.body);
    let document = roxmltree::Document::parse(&answer.body).expect("moto answers in XML");
    let element = document.descendants().find(|node| node.tag_name().name() == wanted);
    let text = element.and_then(|node| node.text());
    text.unwrap_or_else(|| panic!("moto, {action}: no {wanted} in {}", answer.body)).to_owned()
}

async fn ecs(url: &str, operation: &str, body: Value) -> Value {
    let target = format!("AmazonEC2ContainerServiceV20141113.{operation}");
    let authorization = authorization("ecs");
    let headers = [
        ("content-type", "application/x-amz-json-1.1"),
        ("x-amz-target", target.as_str()),
        ("authorization", authorization.as_str()),
    ];
    let answer = post(url, &headers, body.to_string()).await.expect("moto answers");
    assert_eq!(answer.status, 200, "moto, {operation}: {}", answer.body);
    serde_json::from_str(&answer.body).expect("moto answers in JSON")
}

/// moto does not check signatures, but reads the service and the region in them.
fn authorization(service: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/20260101/{REGION}/{service}/aws4_request, \
         SignedHeaders=host, Signature=0"
    )
}
