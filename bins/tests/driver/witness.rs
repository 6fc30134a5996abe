//! moto, which knows nothing of this project, understands what the driver asks for.

use std::collections::BTreeMap;
use std::time::Duration;

use fargate_test_support::moto::Moto;
use serde_json::{Value, json};

use crate::harness::{Host, SYSTEM_FAILURE};

/// Port 9 is discard: whoever has the address moto invents is not troubled by a login.
fn host(moto: &Moto) -> Host {
    let mut host = Host::new(&format!(
        "[Fargate]\nCluster = \"{}\"\nRegion = \"{}\"\nSubnet = \"{}\"\nSecurityGroup = \"{}\"\n\
         TaskDefinition = \"{}\"\nLaunchType = \"FARGATE\"\nStartTimeout = \"5s\"\n\
         PlatformVersion = \"1.4.0\"\nCpu = 512\nMemory = 1024\n\
         Tags = {{ team = \"build\" }}\n\
         [TaskMetadata]\nDirectory = \"{{root}}/metadata\"\n\
         [SSH]\nUsername = \"root\"\nPort = 9\nConnectTimeout = \"1s\"\n",
        moto.cluster(),
        moto.region(),
        moto.subnet(),
        moto.security_group(),
        moto.task_definition(),
    ));
    host.environment = moto.env();
    host
}

/// Every task of the cluster, with its tags.
async fn tasks(moto: &Moto, status: &str) -> Vec<Value> {
    let listed = json!({ "cluster": moto.cluster(), "desiredStatus": status });
    let arns = moto.ecs("ListTasks", listed).await["taskArns"].clone();
    if arns.as_array().is_none_or(Vec::is_empty) {
        return Vec::new();
    }
    let described = json!({ "cluster": moto.cluster(), "tasks": arns, "include": ["TAGS"] });
    moto.ecs("DescribeTasks", described).await["tasks"].as_array().unwrap().clone()
}

/// moto's tasks have an address nobody listens at: prepare runs into its timeout, and has to stop
/// the task.
#[tokio::test]
async fn moto_records_the_task_as_asked_for_and_its_stop() {
    let moto = Moto::start().await;
    let host = host(&moto);
    let job = host.job();
    let prepare = job.spawn(&["prepare"]);
    let mut running = Vec::new();
    for _ in 0..200 {
        running = tasks(&moto, "RUNNING").await;
        if !running.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let [task] = running.as_slice() else { panic!("{running:?}") };

    let started_by = task["startedBy"].as_str().unwrap();
    assert!(started_by.starts_with("job-"), "{task}");
    assert_eq!(task["launchType"], "FARGATE");
    assert!(task["taskDefinitionArn"].as_str().unwrap().ends_with("/test-task:1"));
    let overrides = &task["overrides"];
    assert_eq!((&overrides["cpu"], &overrides["memory"]), (&json!("512"), &json!("1024")));
    let container = &overrides["containerOverrides"][0];
    assert_eq!(container["name"], "ci-coordinator");
    assert_eq!(container["environment"][0]["name"], "SSH_PUBLIC_KEY");
    let key = container["environment"][0]["value"].as_str().unwrap();
    assert!(key.starts_with("ssh-ed25519 AAAA"), "{key}");
    assert_eq!(key.lines().count(), 1);
    let tags: BTreeMap<&str, &str> = task["tags"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tag| (tag["key"].as_str().unwrap(), tag["value"].as_str().unwrap()))
        .collect();
    assert_eq!(tags["team"], "build");
    assert_eq!(tags["fargate:owner"], started_by);
    assert!(tags["fargate:key"].starts_with(started_by), "{tags:?}");
    assert_eq!(tags["gitlab:job-id"], job.id.to_string());

    let ended = crate::harness::ended(prepare).await.failed_as(SYSTEM_FAILURE);
    let ended = ended.says("did not accept a command before the start timeout").says("fix: ");
    assert!(!ended.stderr.contains("PRIVATE"), "{}", ended.stderr);
    assert!(tasks(&moto, "RUNNING").await.is_empty(), "a failed prepare stops its task");
    let stopped = tasks(&moto, "STOPPED").await;
    assert_eq!(stopped.len(), 1);
    assert_eq!(stopped[0]["taskArn"], task["taskArn"]);
    assert_eq!(host.metadata_files(), 0);

    job.cleanup().await.ok();
}

/// A prepare that was killed leaves a running task; cleanup finds and stops it in moto too.
#[tokio::test]
async fn cleanup_stops_the_task_in_moto() {
    let moto = Moto::start().await;
    let host = host(&moto);
    let job = host.job();
    let mut prepare = job.spawn(&["prepare"]);
    for _ in 0..200 {
        if !tasks(&moto, "RUNNING").await.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    prepare.kill().await.unwrap();
    assert_eq!(tasks(&moto, "RUNNING").await.len(), 1);
    assert!(host.metadata_files() > 0, "a crash leaves a trace");

    job.cleanup().await.ok();
    assert!(tasks(&moto, "RUNNING").await.is_empty());
    assert_eq!(host.metadata_files(), 0);
}
