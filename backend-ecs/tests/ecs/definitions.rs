//! Task definitions derived for images: what is registered, when, and what goes wrong.

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use aws_sdk_ecs::types::{NetworkMode, Tag};
use fargate_backend_ecs::{AgentSetup, EcsConfig};
use fargate_core::{Endpoint, ErrorKind, TaskImage, TaskLauncher, TaskSpec, TaskStatus};
use fargate_test_support::ecs::{EcsDouble, Fault};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::bench::{api_double, config, launcher, sdk, spec, status_until};

mod beside;
mod race;
mod trouble;

const AGENT: &str = "registry.example.com/fargate-agent:1";

fn directory() -> TempDir {
    tempfile::tempdir().expect("a directory for the cache")
}

/// The bench's configuration with an agent.
fn with_agent(cache: &Path) -> EcsConfig {
    let mut config = config();
    config.agent = Some(AgentSetup::new(AGENT));
    config.cache_directory = cache.into();
    config
}

fn of(image: &str) -> TaskSpec {
    spec().image(TaskImage::new(image))
}

/// Launches `image` from a launcher of its own, as a new process does.
async fn launch(double: &EcsDouble, cache: &Path, image: &str) {
    launcher(double, with_agent(cache)).await.launch(&of(image)).await.expect("a task");
}

fn calls(double: &EcsDouble, operation: &str) -> u64 {
    double.calls().get(operation).copied().unwrap_or_default()
}

/// How often definitions were described and registered.
fn asked(double: &EcsDouble) -> (u64, u64) {
    (calls(double, "DescribeTaskDefinition"), calls(double, "RegisterTaskDefinition"))
}

/// `family:revision` of what RunTask was asked for, oldest first.
fn run(double: &EcsDouble) -> Vec<String> {
    let name = |request: &Value| request["taskDefinition"].as_str().expect("a name").to_owned();
    double.requests("RunTask").iter().map(name).collect()
}

fn ecs(double: &EcsDouble) -> aws_sdk_ecs::Client {
    aws_sdk_ecs::Client::new(&sdk(double))
}

#[tokio::test]
async fn an_image_runs_in_a_definition_derived_from_the_configured_one() {
    let (double, cache) = (api_double().await, directory());
    let spec = spec().image(TaskImage::new("alpine:3").entrypoint(["/init"]));
    launcher(&double, with_agent(cache.path())).await.launch(&spec).await.unwrap();

    let registered = &double.requests("RegisterTaskDefinition")[0];
    let family = registered["family"].as_str().unwrap();
    assert!(family.strip_prefix("test-task-").is_some_and(|hash| hash.len() == 16), "{family}");
    for field in ["taskDefinitionArn", "revision", "status", "compatibilities", "registeredAt"] {
        assert_eq!(registered.get(field), None, "{field}");
    }
    assert_eq!(registered["taskRoleArn"], "arn:aws:iam::123456789012:role/task");
    let [job, agent] = registered["containerDefinitions"].as_array().unwrap().as_slice() else {
        panic!("{registered}")
    };
    assert_eq!((&job["name"], &job["image"]), (&json!("ci-coordinator"), &json!("alpine:3")));
    assert_eq!(job["entryPoint"], json!(["/init"]));
    assert_eq!(job["command"], json!(["/fargate/fargate-agent"]));
    assert_eq!((&agent["name"], &agent["image"]), (&json!("fargate-agent"), &json!(AGENT)));

    let request = &double.requests("RunTask")[0];
    assert_eq!(request["taskDefinition"], format!("{family}:1"));
    let environment = &request["overrides"]["containerOverrides"][0]["environment"];
    assert_eq!(environment[0]["name"], "SSH_PUBLIC_KEY");
    assert_eq!(request["clientToken"], spec.key.as_str());
}

#[tokio::test]
async fn a_second_launch_of_an_image_asks_and_registers_nothing() {
    let (double, cache) = (api_double().await, directory());
    launch(&double, cache.path(), "alpine:3").await;
    assert_eq!(asked(&double), (2, 1), "the base, and whether there is one");
    launch(&double, cache.path(), "alpine:3").await;
    assert_eq!(asked(&double), (2, 1));

    let empty = directory();
    launch(&double, empty.path(), "alpine:3").await;
    assert_eq!(asked(&double), (4, 1), "nothing is registered twice");
    let run = run(&double);
    assert!(run.iter().all(|name| *name == run[0]), "{run:?}");
    assert_eq!(double.tasks().len(), 3);
}

#[tokio::test]
async fn each_image_has_a_definition_and_none_means_the_bases_own() {
    let (double, cache) = (api_double().await, directory());
    let launcher = launcher(&double, with_agent(cache.path())).await;
    for spec in [of("alpine:3"), of("alpine:4"), spec(), of("alpine:3")] {
        launcher.launch(&spec).await.unwrap();
    }
    assert_eq!(asked(&double), (4, 3), "the base is asked for once");
    let run = run(&double);
    assert_eq!(run[0], run[3]);
    let own = &double.requests("RegisterTaskDefinition")[2]["containerDefinitions"][0];
    assert_eq!(own["image"], "registry.example.com/ci-coordinator:latest");
    assert_eq!(own["entryPoint"], json!(["/fargate/fargate-agent"]));
}

#[tokio::test]
async fn a_base_without_a_revision_is_asked_for_each_time_and_its_newest_counts() {
    let (double, cache) = (api_double().await, directory());
    let mut config = with_agent(cache.path());
    config.task_definition = "test-task".to_owned();
    let first = launcher(&double, config.clone()).await;
    first.launch(&of("alpine:3")).await.unwrap();
    first.launch(&of("alpine:3")).await.unwrap();
    assert_eq!(asked(&double), (3, 1));

    let container = aws_sdk_ecs::types::ContainerDefinition::builder()
        .name("ci-coordinator")
        .image("registry.example.com/newer:1")
        .working_directory("/new");
    ecs(&double)
        .register_task_definition()
        .family("test-task")
        .network_mode(NetworkMode::Awsvpc)
        .cpu("256")
        .memory("512")
        .container_definitions(container.build())
        .send()
        .await
        .unwrap();
    launcher(&double, config).await.launch(&of("alpine:3")).await.unwrap();
    let newest = double.requests("RegisterTaskDefinition").pop().unwrap();
    assert_eq!(newest["containerDefinitions"][0]["workingDirectory"], "/new");
    assert_eq!(newest["containerDefinitions"][0]["image"], "alpine:3");
    let run = run(&double);
    assert!(run[0] == run[1] && run[1] != run[2], "{run:?}");
}

#[tokio::test]
async fn the_tags_of_the_base_are_kept_where_the_driver_may_tag() {
    let (double, cache) = (api_double().await, directory());
    let container =
        aws_sdk_ecs::types::ContainerDefinition::builder().name("ci-coordinator").image("ci:1");
    ecs(&double)
        .register_task_definition()
        .family("tagged")
        .network_mode(NetworkMode::Awsvpc)
        .cpu("256")
        .memory("512")
        .container_definitions(container.build())
        .tags(Tag::builder().key("cost-center").value("7").build())
        .send()
        .await
        .unwrap();
    let mut config = with_agent(cache.path());
    config.task_definition = "tagged:1".to_owned();
    let launcher = launcher(&double, config).await;
    launcher.launch(&of("alpine:3")).await.unwrap();
    double.inject(Fault::DenyTags);
    launcher.launch(&of("alpine:4")).await.unwrap();
    let requests = double.requests("RegisterTaskDefinition");
    let tags: Vec<&Value> = requests[1..].iter().map(|request| &request["tags"][0]).collect();
    let kept = json!({"key": "cost-center", "value": "7"});
    assert_eq!(tags, [&kept, &kept, &Value::Null]);
}

#[tokio::test]
async fn a_task_with_an_agent_is_reached_at_the_agents_port() {
    let (double, cache) = (api_double().await, directory());
    let mut config = with_agent(cache.path());
    config.ssh_port = 22;
    config.agent.as_mut().unwrap().port = 7022;
    let launcher = launcher(&double, config).await;
    let task = launcher.launch(&of("alpine:3")).await.unwrap();
    let status = status_until(&launcher, &task, |status| {
        matches!(status, TaskStatus::Running { endpoint: Some(_) })
    });
    let TaskStatus::Running { endpoint: Some(Endpoint::Ssh { port, .. }) } = status.await else {
        panic!("no endpoint")
    };
    assert_eq!(port, 7022);
    let registered = &double.requests("RegisterTaskDefinition")[0];
    let listen = json!([{"name": "FARGATE_AGENT_LISTEN", "value": "0.0.0.0:7022"}]);
    assert_eq!(registered["containerDefinitions"][0]["environment"], listen);
}

#[tokio::test]
async fn the_same_key_is_one_task_with_an_agent_too() {
    let (double, cache) = (api_double().await, directory());
    let spec = of("alpine:3");
    let first = launcher(&double, with_agent(cache.path())).await.launch(&spec).await.unwrap();
    let empty = directory();
    let second = launcher(&double, with_agent(empty.path())).await.launch(&spec).await.unwrap();
    assert_eq!(first.id(), second.id());
    // The same key with another image is another request under the same token.
    let other = spec.image(TaskImage::new("alpine:4"));
    let third = launcher(&double, with_agent(cache.path())).await.launch(&other).await.unwrap();
    assert_eq!(first.id(), third.id());
    assert_eq!(double.tasks().len(), 1);
}
