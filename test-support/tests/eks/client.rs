//! A client that knows the token, and nothing more.

use std::io;
use std::time::Duration;

use fargate_test_support::eks::{EksDouble, EksOptions, PodView, TaskProgram};
use fargate_test_support::http::{Answer, Stream, open, request};
use fargate_test_support::visitor;
use serde_json::{Value, json};

pub(crate) struct Client {
    url: String,
    authorization: String,
}

impl Client {
    pub(crate) fn of(double: &EksDouble) -> Self {
        Self { url: double.url(), authorization: format!("Bearer {}", double.token()) }
    }

    /// Host and port.
    pub(crate) fn authority(&self) -> &str {
        self.url.strip_prefix("http://").unwrap()
    }

    pub(crate) fn authorization(&self) -> &str {
        &self.authorization
    }

    /// The whole answer.
    pub(crate) async fn raw(&self, method: &str, path: &str, body: &Value) -> io::Result<Answer> {
        self.typed(method, path, "application/json", body).await
    }

    pub(crate) async fn typed(
        &self,
        method: &str,
        path: &str,
        content_type: &str,
        body: &Value,
    ) -> io::Result<Answer> {
        let headers = [("authorization", &*self.authorization), ("content-type", content_type)];
        let body = if body.is_null() { String::new() } else { body.to_string() };
        request(method, &format!("{}{path}", self.url), &headers, body).await
    }

    /// A call that must succeed.
    pub(crate) async fn call(&self, method: &str, path: &str, body: &Value) -> Value {
        let answer = self.raw(method, path, body).await.unwrap();
        assert!(answer.status < 300, "{method} {path}: {}", answer.body);
        serde_json::from_str(&answer.body).unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        self.call("GET", path, &Value::Null).await
    }

    pub(crate) async fn pod(&self, name: &str) -> Value {
        self.get(&pod_path(name)).await
    }

    /// Asks until the pod is what the test wants.
    pub(crate) async fn until(&self, name: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        self.until_at(&pod_path(name), wanted).await
    }

    /// Asks until the answer is what the test wants.
    pub(crate) async fn until_at(&self, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..6000 {
            let object = self.get(path).await;
            if wanted(&object) {
                return object;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("{path} is {}", self.get(path).await);
    }

    pub(crate) async fn create(&self, pod: &Value) -> Value {
        self.call("POST", PODS, pod).await
    }

    pub(crate) async fn delete(&self, name: &str) -> Value {
        self.call("DELETE", &pod_path(name), &Value::Null).await
    }

    /// A patch of a pod that must succeed.
    pub(crate) async fn patch(&self, name: &str, patch: &Value) -> Value {
        let merge = "application/merge-patch+json";
        let answer = self.typed("PATCH", &pod_path(name), merge, patch).await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.body);
        serde_json::from_str(&answer.body).unwrap()
    }

    /// A call that must fail: its `Status`.
    pub(crate) async fn refused(&self, method: &str, path: &str, body: &Value) -> Value {
        let answer = self.raw(method, path, body).await.unwrap();
        assert!(answer.status >= 400, "{method} {path} succeeded: {}", answer.body);
        let status: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(status["kind"], "Status");
        assert_eq!(status["status"], "Failure");
        assert_eq!(status["code"], answer.status);
        status
    }

    /// A watch that has begun.
    pub(crate) async fn watch(&self, path: &str) -> Stream {
        let headers = [("authorization", &*self.authorization)];
        let stream = open("GET", &format!("{}{path}", self.url), &headers, String::new()).await;
        let stream = stream.unwrap();
        assert_eq!(stream.status, 200);
        stream
    }
}

pub(crate) const PODS: &str = "/api/v1/namespaces/ci/pods";

pub(crate) fn pod_path(name: &str) -> String {
    format!("{PODS}/{name}")
}

/// The next event of a watch: its type and its object.
pub(crate) async fn next(stream: &mut Stream) -> (String, Value) {
    let line = stream.line().await.unwrap().expect("the watch goes on");
    let mut event: Value = serde_json::from_str(&line).unwrap();
    (event["type"].as_str().unwrap().to_owned(), event["object"].take())
}

/// A pod that is in order.
pub(crate) fn pod(name: &str, public_key: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "labels": {"owner": "me"}},
        "spec": {
            "restartPolicy": "Never", "terminationGracePeriodSeconds": 5,
            "containers": [{
                "name": "ci-coordinator", "image": "registry.example.com/ci:1",
                "env": [
                    {"name": "SSH_PUBLIC_KEY", "value": public_key},
                    {"name": "COLOUR", "value": "blue"},
                ],
                "resources": {"limits": {"cpu": "250m", "memory": "256Mi"}},
            }],
        },
    })
}

/// A double whose pods are only words.
pub(crate) async fn words() -> (EksDouble, Client) {
    with(EksOptions { program: TaskProgram::None, ..EksOptions::default() }).await
}

pub(crate) async fn with(options: EksOptions) -> (EksDouble, Client) {
    let double = EksDouble::start(options).await;
    let client = Client::of(&double);
    (double, client)
}

/// A user of the real `ssh`.
pub(crate) fn visitor() -> visitor::Visitor {
    visitor::Visitor::new(EksOptions::default().ssh_port)
}

pub(crate) async fn visit(
    visitor: &visitor::Visitor,
    view: &PodView,
    command: &str,
) -> (i32, String, String) {
    visitor.visit(view.address, view.host_key.as_deref(), command).await
}

pub(crate) fn alive(pid: u32) -> bool {
    // A zombie is dead; only nobody has asked for its status yet.
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit_once(')').unwrap().1.trim_start().starts_with('Z'))
}

/// Waits until a process is gone.
pub(crate) async fn dead(pid: u32) {
    for _ in 0..6000 {
        if !alive(pid) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("process {pid} lives on");
}
