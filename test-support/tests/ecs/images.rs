//! Images and definitions for the tests of containers.

use std::collections::BTreeMap;
use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use fargate_test_support::ecs::{EcsDouble, EcsOptions, ImageRoot, TaskView};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::client::{Client, launch, with};

/// A double with the image `busybox`, and those that `more` adds.
pub(crate) struct Containers {
    pub(crate) double: EcsDouble,
    pub(crate) client: Client,
    pub(crate) tree: TempDir,
}

impl Containers {
    pub(crate) async fn start() -> Self {
        Self::with(|image| BTreeMap::from([("busybox".to_owned(), image)])).await
    }

    pub(crate) async fn with(
        images: impl FnOnce(ImageRoot) -> BTreeMap<String, ImageRoot>,
    ) -> Self {
        let tree = tempfile::tempdir().unwrap();
        busybox(tree.path());
        let images = images(ImageRoot::new(tree.path()));
        let (double, client) = with(EcsOptions { images, ..EcsOptions::default() }).await;
        Self { double, client, tree }
    }

    /// Runs a task of these containers, and these volumes without a place; returns its ARN.
    pub(crate) async fn run(&self, volumes: &[&str], containers: Value) -> String {
        self.define(volumes, containers).await;
        let mut request = launch("key");
        request["taskDefinition"] = "own".into();
        request["overrides"] = json!({});
        self.client.run(request).await
    }

    pub(crate) async fn define(&self, volumes: &[&str], containers: Value) {
        let volumes: Vec<Value> = volumes.iter().map(|name| json!({"name": name})).collect();
        let definition = json!({
            "family": "own", "requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc",
            "cpu": "256", "memory": "512", "volumes": volumes, "containerDefinitions": containers,
        });
        self.client.ecs("RegisterTaskDefinition", definition).await;
    }

    /// The task when it has stopped.
    pub(crate) async fn stopped(&self, arn: &str) -> Value {
        self.double.wait_for(arn, "STOPPED").await;
        self.client.describe(arn).await
    }
}

/// Makes a root file system with busybox under the names a test needs, and nothing more.
fn busybox(tree: &Path) {
    for directory in ["bin", "etc", "tmp"] {
        fs::create_dir(tree.join(directory)).unwrap();
    }
    let found = Command::new("sh").args(["-c", "command -v busybox"]).output().unwrap();
    let busybox = String::from_utf8(found.stdout).unwrap();
    assert!(!busybox.is_empty(), "busybox is not installed (busybox-static)");
    fs::copy(busybox.trim(), tree.join("bin/busybox")).unwrap();
    for name in ["sh", "cat", "cp", "echo", "env", "id", "ls", "mkdir", "mount", "nc", "sleep"] {
        symlink("busybox", tree.join("bin").join(name)).unwrap();
    }
    fs::write(tree.join("etc/passwd"), "ci:x:1000:1001::/home/ci:/bin/sh\n").unwrap();
}

/// A container of the image `busybox` that runs a shell script.
pub(crate) fn script(name: &str, script: &str) -> Value {
    json!({"name": name, "image": "busybox", "entryPoint": ["sh", "-c"], "command": [script]})
}

/// The same, with more fields or other ones.
pub(crate) fn with_fields(mut container: Value, fields: Value) -> Value {
    let Value::Object(fields) = fields else { panic!("{fields} has no fields") };
    for (name, value) in fields {
        container[name] = value;
    }
    container
}

/// The container of that name in the answer of `DescribeTasks`.
pub(crate) fn container<'a>(task: &'a Value, name: &str) -> &'a Value {
    let containers = task["containers"].as_array().unwrap();
    containers.iter().find(|container| container["name"] == name).unwrap()
}

/// What somebody says who listens there.
pub(crate) async fn said(at: Ipv4Addr, port: u16) -> String {
    for _ in 0..1000 {
        if let Ok(mut stream) = TcpStream::connect((at, port)).await {
            let mut said = String::new();
            stream.read_to_string(&mut said).await.unwrap();
            return said.trim().to_owned();
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("nobody listens at {at}");
}

/// The first processes of the containers that run.
pub(crate) fn pids(view: &TaskView) -> Vec<u32> {
    view.containers.iter().filter_map(|container| container.pid).collect()
}
