//! Images and definitions for the tests of containers.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use fargate_test_support::ecs::{EcsDouble, EcsOptions, ImageRoot, TaskView};
use fargate_test_support::rootfs::Rootfs;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::client::{Client, launch, with};

/// A double with images, and the tree of the one that is called `busybox` unless a test says else.
pub(crate) struct Containers {
    pub(crate) double: EcsDouble,
    pub(crate) client: Client,
    pub(crate) tree: Rootfs,
}

impl Containers {
    pub(crate) async fn start() -> Self {
        Self::with(|image| BTreeMap::from([("busybox".to_owned(), image)])).await
    }

    pub(crate) async fn with(
        images: impl FnOnce(ImageRoot) -> BTreeMap<String, ImageRoot>,
    ) -> Self {
        let tree = Rootfs::busybox();
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
