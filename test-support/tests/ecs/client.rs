//! A client that signs, and nothing more.

use std::io;
use std::net::Ipv4Addr;
use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use fargate_test_support::ecs::{EcsDouble, EcsOptions, TaskProgram, TaskView};
use fargate_test_support::http::{Answer, post};
use fargate_test_support::visitor;
use serde_json::{Value, json};

pub(crate) const SUBNET: &str = "subnet-0a1b2c3d4e5f60001";

/// A key, who uses it and where for.
pub(crate) struct Client {
    pub(crate) url: String,
    pub(crate) credentials: Credentials,
    pub(crate) region: String,
}

impl Client {
    pub(crate) fn of(double: &EcsDouble) -> Self {
        let (key, secret) = double.credentials();
        Self {
            url: double.url(),
            credentials: Credentials::new(key, secret, None, None, "test"),
            region: double.region().to_owned(),
        }
    }

    pub(crate) async fn send(
        &self,
        service: &str,
        headers: &[(&str, &str)],
        body: String,
    ) -> io::Result<Answer> {
        let identity = self.credentials.clone().into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(service)
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .unwrap()
            .into();
        let url = format!("{}/", self.url);
        let signable = SignableRequest::new(
            "POST",
            &url,
            headers.iter().copied(),
            SignableBody::Bytes(body.as_bytes()),
        )
        .unwrap();
        let (instructions, _) = sign(signable, &parameters).unwrap().into_parts();
        let mut all: Vec<(&str, &str)> = headers.to_vec();
        all.extend(instructions.headers());
        post(&url, &all, body).await
    }

    /// The whole answer of an ECS operation.
    pub(crate) async fn raw(&self, op: &str, body: &Value) -> io::Result<Answer> {
        let target = format!("AmazonEC2ContainerServiceV20141113.{op}");
        let headers = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", &*target)];
        self.send("ecs", &headers, body.to_string()).await
    }

    /// An ECS operation that must succeed.
    pub(crate) async fn ecs(&self, op: &str, body: Value) -> Value {
        let answer = self.raw(op, &body).await.unwrap();
        assert_eq!(answer.status, 200, "{op}: {}", answer.body);
        assert!(answer.headers.contains_key("x-amzn-requestid"));
        serde_json::from_str(&answer.body).unwrap()
    }

    /// An ECS operation that must fail: its type and its message.
    pub(crate) async fn refused(&self, op: &str, body: Value) -> (u16, String, String) {
        let answer = self.raw(op, &body).await.unwrap();
        assert!(answer.status >= 400, "{op} succeeded: {}", answer.body);
        let error: Value = serde_json::from_str(&answer.body).unwrap();
        let message = error.get("message").or(error.get("Message")).unwrap();
        let message = message.as_str().unwrap().to_owned();
        (answer.status, error["__type"].as_str().unwrap().to_owned(), message)
    }

    /// An operation of CloudWatch Logs.
    pub(crate) async fn logs(&self, op: &str, body: &Value) -> Answer {
        let target = format!("Logs_20140328.{op}");
        let headers = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", &*target)];
        self.send("logs", &headers, body.to_string()).await.unwrap()
    }

    /// An operation of the query protocol.
    pub(crate) async fn query(&self, service: &str, form: &str) -> Answer {
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        self.send(service, &headers, form.to_owned()).await.unwrap()
    }

    /// Starts one task, and returns its ARN.
    pub(crate) async fn run(&self, request: Value) -> String {
        let answer = self.ecs("RunTask", request).await;
        assert_eq!(answer["failures"], json!([]));
        answer["tasks"][0]["taskArn"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn describe(&self, arn: &str) -> Value {
        let body = json!({"cluster": "test-cluster", "tasks": [arn], "include": ["TAGS"]});
        self.ecs("DescribeTasks", body).await["tasks"][0].take()
    }

    pub(crate) async fn stop(&self, arn: &str) -> Value {
        self.ecs("StopTask", json!({"cluster": "test-cluster", "task": arn})).await["task"].take()
    }
}

/// A `RunTask` request that is in order.
pub(crate) fn launch(public_key: &str) -> Value {
    json!({
        "cluster": "test-cluster", "taskDefinition": "test-task:1", "count": 1,
        "networkConfiguration": {"awsvpcConfiguration": {
            "subnets": [SUBNET], "securityGroups": ["sg-0a1b2c3d4e5f60001"],
            "assignPublicIp": "DISABLED",
        }},
        "overrides": {"containerOverrides": [{
            "name": "ci-coordinator",
            "environment": [{"name": "SSH_PUBLIC_KEY", "value": public_key}],
        }]},
    })
}

/// A double whose tasks are only words.
pub(crate) async fn words() -> (EcsDouble, Client) {
    with(EcsOptions { program: TaskProgram::None, ..EcsOptions::default() }).await
}

pub(crate) async fn with(options: EcsOptions) -> (EcsDouble, Client) {
    let double = EcsDouble::start(options).await;
    let client = Client::of(&double);
    (double, client)
}

/// A user of the real `ssh` who visits tasks.
pub(crate) struct Visitor {
    visitor: visitor::Visitor,
    pub(crate) public_key: String,
}

impl Visitor {
    pub(crate) fn new() -> Self {
        let visitor = visitor::Visitor::new(EcsOptions::default().ssh_port);
        Self { public_key: visitor.public_key().to_owned(), visitor }
    }

    /// Runs a command there: the exit code, stdout and stderr.
    pub(crate) async fn visit(&self, view: &TaskView, command: &str) -> (i32, String, String) {
        self.visit_at(view, view.address, command).await
    }

    pub(crate) async fn visit_at(
        &self,
        view: &TaskView,
        at: Ipv4Addr,
        command: &str,
    ) -> (i32, String, String) {
        self.visitor.visit(at, view.host_key.as_deref(), command).await
    }

    /// A session that has begun, and runs until something ends it.
    pub(crate) async fn session(&self, view: &TaskView) -> tokio::process::Child {
        self.visitor.session(view.address, view.host_key.as_deref()).await
    }
}
