//! moto knows nothing of this project: what it understands has AWS's shape.

use std::time::Duration;

use aws_credential_types::Credentials;
use fargate_backend_ecs::{AgentSetup, EcsConfig, EcsLauncher};
use fargate_core::{StopCause, TaskImage, TaskLauncher, TaskService, TaskStatus};
use fargate_test_support::moto::Moto;
use serde_json::json;

use crate::bench::{sdk_with, spec};

pub(crate) fn config(moto: &Moto) -> EcsConfig {
    let mut config = EcsConfig::new(moto.cluster(), moto.task_definition());
    config.subnets = vec![moto.subnet().to_owned()];
    config.security_groups = vec![moto.security_group().to_owned()];
    config.launch_type = Some("FARGATE".to_owned());
    config
}

pub(crate) async fn launcher(moto: &Moto, config: EcsConfig) -> EcsLauncher {
    let (id, secret) = moto.credentials();
    let credentials = Credentials::new(id, secret, None, None, "test");
    let sdk = sdk_with(moto.url(), moto.region(), credentials);
    EcsLauncher::with_sdk_config(config, sdk).await.expect("good settings")
}

#[tokio::test]
async fn the_life_of_a_task_is_understood_by_moto() {
    let moto = Moto::start().await;
    let mut config = config(&moto);
    config.cpu = Some("512".to_owned());
    config.memory = Some("1024".to_owned());
    let launcher = launcher(&moto, config).await;

    let spec = spec().label("project", "group/app");
    let task = launcher.launch(&spec).await.unwrap();
    let status = launcher.status(&task).await.unwrap();
    assert!(matches!(status, TaskStatus::Running { endpoint: Some(_) }), "{status:?}");

    let listed = launcher.list(spec.owner.as_str()).await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!((listed[0].id(), listed[0].key()), (task.id(), Some(spec.key.as_str())));

    launcher.stop(&task, Duration::from_secs(1)).await.unwrap();
    let TaskStatus::Stopped(stopped) = launcher.status(&task).await.unwrap() else {
        panic!("not stopped")
    };
    assert!(matches!(stopped.cause, StopCause::Requested | StopCause::Unknown), "{stopped:?}");
    assert!(launcher.list(spec.owner.as_str()).await.unwrap().is_empty());
}

const AGENT: &str = "registry.example.com/fargate-agent:1";

/// What is registered has AWS's shape, and shows what was laid over the base.
///
/// No task comes of it: moto's RunTask breaks down where a container has no memory limit of its
/// own, which Fargate does not ask for (API reference, ContainerDefinition).
#[tokio::test]
async fn a_derived_definition_is_understood_by_moto() {
    let moto = Moto::start().await;
    for _ in 0..2 {
        let cache = tempfile::tempdir().unwrap();
        let mut config = config(&moto);
        let mut agent = AgentSetup::new(AGENT);
        agent.helper = Some(TaskImage::new("registry.example.com/helper:1"));
        config.agent = Some(agent);
        config.cache_directory = cache.path().into();
        config.launch_timeout = Duration::from_secs(2);
        let launcher = launcher(&moto, config).await;
        let image = TaskImage::new("alpine:3").platform("linux/arm64");
        let mut spec = spec().image(image);
        let database = TaskImage::new("postgres:16").pull_secret("arn:aws:secret");
        spec.needs.services = vec![TaskService::new("db", database).alias("db").variable("A", "1")];
        let error = launcher.launch(&spec).await.unwrap_err();
        assert_eq!(error.op(), "start task", "{error:?}");
    }
    let listed = moto.ecs("ListTaskDefinitions", json!({})).await;
    let listed = listed["taskDefinitionArns"].as_array().unwrap();
    let derived: Vec<_> =
        listed.iter().filter(|arn| arn.as_str().unwrap().contains("/test-task-")).collect();
    let [arn] = derived.as_slice() else { panic!("the second launch finds it: {derived:?}") };

    let shown = moto.ecs("DescribeTaskDefinition", json!({"taskDefinition": arn})).await;
    let definition = &shown["taskDefinition"];
    assert_eq!((&definition["revision"], &definition["cpu"]), (&json!(1), &json!("256")));
    assert_eq!(definition["volumes"][0]["name"], "fargate-agent");
    let volumes: Vec<_> = definition["volumes"].as_array().unwrap().iter().collect();
    assert_eq!(volumes.len(), 3, "the agent's, builds and cache: {definition}");
    assert_eq!(definition["runtimePlatform"]["cpuArchitecture"], "ARM64");
    let containers = definition["containerDefinitions"].as_array().unwrap();
    let [job, agent, helper, database] = containers.as_slice() else { panic!("{definition}") };
    assert_eq!(job["image"], "alpine:3");
    assert_eq!(job["command"], json!(["/fargate/fargate-agent"]));
    let after = json!([{"containerName": "fargate-agent", "condition": "SUCCESS"}]);
    let also = json!({"containerName": "db", "condition": "START"});
    assert_eq!(job["dependsOn"], json!([after[0], also]));
    assert_eq!((&agent["essential"], &agent["image"]), (&json!(false), &json!(AGENT)));
    assert_eq!(agent["command"], json!(["install", "/fargate"]));
    assert_eq!((&helper["name"], &helper["essential"]), (&json!("fargate-helper"), &json!(true)));
    assert_eq!(helper["entryPoint"], json!(["/fargate/fargate-agent"]));
    assert_eq!(helper["mountPoints"], job["mountPoints"]);
    assert_eq!(
        (&database["image"], &database["essential"]),
        (&json!("postgres:16"), &json!(false))
    );
    let secret = json!({"credentialsParameter": "arn:aws:secret"});
    assert_eq!(database["repositoryCredentials"], secret);
}
