//! What a setting of section [Fargate] does to the task that is asked for.

use std::collections::BTreeMap;

use fargate_test_support::ecs::{AssumableRole, EcsDouble, EcsOptions};
use serde_json::{Value, json};

use crate::harness::{BUILD_FAILURE, Ended, Host, Job};

const ROLE: &str = "arn:aws:iam::123456789012:role/runner";

/// A host whose section [Fargate] holds the cluster, the region and these lines.
fn host(double: &EcsDouble, lines: &str) -> Host {
    let mut host = Host::new(&format!(
        "[Fargate]\nCluster = \"{}\"\nRegion = \"{}\"\n{lines}\n\
         [TaskMetadata]\nDirectory = \"{{root}}/metadata\"\n[SSH]\nUsername = \"root\"\n\
         Port = {}\n",
        double.options().cluster,
        double.region(),
        double.options().ssh_port,
    ));
    host.environment = double.env();
    host
}

/// The one RunTask request of a job that was prepared and cleaned up.
async fn request_of(double: &EcsDouble, job: &Job<'_>) -> Value {
    let before = double.requests("RunTask").len();
    job.prepare().await.ok();
    job.cleanup().await.ok();
    let requests = double.requests("RunTask").split_off(before);
    assert_eq!(requests.len(), 1, "{requests:?}");
    requests[0].clone()
}

fn tags(request: &Value) -> BTreeMap<&str, &str> {
    let tags = request["tags"].as_array().unwrap().iter();
    tags.map(|tag| (tag["key"].as_str().unwrap(), tag["value"].as_str().unwrap())).collect()
}

#[tokio::test]
async fn every_key_reaches_the_request() {
    let options = EcsOptions {
        roles: vec![AssumableRole { arn: ROLE.to_owned(), external_id: Some("shared".to_owned()) }],
        ..EcsOptions::default()
    };
    let double = EcsDouble::start(options).await;
    let subnets = double.options().subnets.clone();
    let groups = double.options().security_groups.clone();
    let host = host(
        &double,
        &format!(
            r#"Subnets = {subnets:?}
SecurityGroups = {groups:?}
TaskDefinition = "test-task:1"
EnablePublicIP = true
PlatformVersion = "1.4.0"
CapacityProviders = [{{ Name = "FARGATE_SPOT", Weight = 3, Base = 1 }}, {{ Name = "FARGATE" }}]
Tags = {{ team = "build", "cost center" = "42" }}
PropagateTags = true
Cpu = 512
Memory = "1024"
EphemeralStorageGiB = 40
TaskRole = "arn:aws:iam::123456789012:role/task"
ExecutionRole = "arn:aws:iam::123456789012:role/execution"
EnableExecuteCommand = true
AssumeRole = {{ Arn = "{ROLE}", ExternalId = "shared", SessionName = "ci" }}"#
        ),
    );
    let job = host.job();
    let request = request_of(&double, &job).await;

    assert_eq!(request["cluster"], "test-cluster");
    assert_eq!(request["taskDefinition"], "test-task:1");
    assert_eq!(request["platformVersion"], "1.4.0");
    assert_eq!(request["enableExecuteCommand"], true);
    assert_eq!(request["propagateTags"], "TASK_DEFINITION");
    assert_eq!(request.get("launchType"), None);
    let vpc = &request["networkConfiguration"]["awsvpcConfiguration"];
    assert_eq!(vpc["subnets"], json!(subnets));
    assert_eq!(vpc["securityGroups"], json!(groups));
    assert_eq!(vpc["assignPublicIp"], "ENABLED");
    assert_eq!(
        request["capacityProviderStrategy"],
        json!([
            { "capacityProvider": "FARGATE_SPOT", "weight": 3, "base": 1 },
            { "capacityProvider": "FARGATE", "weight": 1, "base": 0 },
        ])
    );
    let overrides = &request["overrides"];
    assert_eq!(overrides["cpu"], "512");
    assert_eq!(overrides["memory"], "1024");
    assert_eq!(overrides["ephemeralStorage"]["sizeInGiB"], 40);
    assert_eq!(overrides["taskRoleArn"], "arn:aws:iam::123456789012:role/task");
    assert_eq!(overrides["executionRoleArn"], "arn:aws:iam::123456789012:role/execution");
    assert_eq!(overrides["containerOverrides"][0]["name"], "ci-coordinator");
    let tags = tags(&request);
    assert_eq!((tags["team"], tags["cost center"]), ("build", "42"));
    assert_eq!(tags["gitlab:job-id"], job.id.to_string());

    let assumed = double.requests("AssumeRole");
    assert!(!assumed.is_empty());
    for one in assumed {
        assert_eq!(one["RoleArn"], ROLE);
        assert_eq!(one["ExternalId"], "shared");
        assert_eq!(one["RoleSessionName"], "ci");
    }
}

#[tokio::test]
async fn nothing_is_sent_that_is_not_set() {
    let double = EcsDouble::start(EcsOptions::default()).await;
    let host = Host::ecs(&double, "");
    let request = request_of(&double, &host.job()).await;
    for absent in [
        "launchType",
        "capacityProviderStrategy",
        "platformVersion",
        "propagateTags",
        "enableExecuteCommand",
    ] {
        assert_eq!(request.get(absent), None, "{request}");
    }
    let overrides: Vec<_> = request["overrides"].as_object().unwrap().keys().collect();
    assert_eq!(overrides, ["containerOverrides"]);
    assert_eq!(
        request["networkConfiguration"]["awsvpcConfiguration"]["assignPublicIp"],
        "DISABLED"
    );
    assert!(double.requests("AssumeRole").is_empty());
}

#[tokio::test]
async fn a_launch_type_reaches_the_request() {
    let double = EcsDouble::start(EcsOptions::default()).await;
    let host = Host::ecs(&double, "LaunchType = \"fargate\"");
    let request = request_of(&double, &host.job()).await;
    assert_eq!(request["launchType"], "FARGATE");
    assert_eq!(double.tasks()[0].capacity_provider, None);
}

#[tokio::test]
async fn a_flag_beats_a_variable_beats_the_file() {
    let double = EcsDouble::start(EcsOptions::default()).await;
    let host = Host::ecs(&double, "PlatformVersion = \"1.3.0\"");
    let asked =
        |request: Value| (request["taskDefinition"].clone(), request["platformVersion"].clone());

    let mut job = host.job();
    assert_eq!(asked(request_of(&double, &job).await), (json!("test-task"), json!("1.3.0")));
    job.variable("FARGATE_TASK_DEFINITION", "sidecar-task");
    job.variable("FARGATE_PLATFORM_VERSION", "1.4.0");
    assert_eq!(asked(request_of(&double, &job).await), (json!("sidecar-task"), json!("1.4.0")));
    job.flags =
        ["--task-def", "test-task:1", "--platform-version", "LATEST"].map(str::to_owned).to_vec();
    assert_eq!(asked(request_of(&double, &job).await), (json!("test-task:1"), json!("LATEST")));
    // An empty variable is as good as none.
    job.flags.clear();
    job.variable("FARGATE_TASK_DEFINITION", "");
    job.variable("FARGATE_PLATFORM_VERSION", "");
    assert_eq!(asked(request_of(&double, &job).await), (json!("test-task"), json!("1.3.0")));
}

#[tokio::test]
async fn a_task_definition_that_is_not_allowed_launches_nothing() {
    let double = EcsDouble::start(EcsOptions::default()).await;
    let host = Host::ecs(&double, "AllowedTaskDefinitions = [\"test-*\", \"sidecar-task*\"]");
    let mut job = host.job();
    job.variable("FARGATE_TASK_DEFINITION", "plain-task");
    let refused = job.prepare().await.failed_as(BUILD_FAILURE);
    refused.says("\"plain-task\"").says("not allowed").says("test-*, sidecar-task*").says("fix: ");
    assert!(double.calls().is_empty(), "{:?}", double.calls());
    assert_eq!(host.metadata_files(), 0);
    job.cleanup().await.ok();

    job.variable("FARGATE_TASK_DEFINITION", "sidecar-task:1");
    assert_eq!(request_of(&double, &job).await["taskDefinition"], "sidecar-task:1");
}

/// The address a script sees its connection come to.
async fn address_of(job: &Job<'_>) -> String {
    let ended: Ended = job.script("echo $SSH_CONNECTION | cut -d ' ' -f 3", "build_script").await;
    ended.ok().stdout_text().trim().to_owned()
}

#[tokio::test]
async fn the_settings_choose_the_address() {
    let double = EcsDouble::start(EcsOptions::default()).await;
    let subnet = double.options().subnets[0].clone();
    let group = double.options().security_groups[0].clone();
    for (lines, assigned, public) in [
        ("EnablePublicIP = true", true, true),
        ("EnablePublicIP = true\nUsePublicIP = false", true, false),
        ("EnablePublicIP = true\nUsePublicIP = true", true, true),
        ("EnablePublicIP = false", false, false),
        ("", false, false),
    ] {
        let network = format!(
            "Subnet = \"{subnet}\"\nSecurityGroup = \"{group}\"\nTaskDefinition = \"test-task\"\n"
        );
        let host = host(&double, &(network + lines));
        let job = host.job();
        job.prepare().await.ok();
        let task = double.tasks().pop().unwrap();
        assert_eq!(task.public_address.is_some(), assigned, "{lines}");
        let expected = if public { task.public_address.unwrap() } else { task.address };
        assert_eq!(address_of(&job).await, expected.to_string(), "{lines}");
        job.cleanup().await.ok();
    }
}
