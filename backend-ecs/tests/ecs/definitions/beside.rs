//! Helper container and services: what they are registered as, and what is refused.

use fargate_core::{SecretText, TaskService};

use super::*;

pub(super) fn database() -> TaskService {
    let image = TaskImage::new("postgres:16");
    TaskService::new("postgres", image).alias("postgres").alias("db").port(5432)
}

/// The bench's configuration with an agent and a helper container.
pub(super) fn with_helper(cache: &Path) -> EcsConfig {
    let mut config = with_agent(cache);
    if let Some(agent) = &mut config.agent {
        agent.helper = Some(TaskImage::new("registry.example.com/helper:1"));
    }
    config
}

/// A job with a database whose password is `password`.
fn with_database(password: &str) -> TaskSpec {
    let mut spec = of("alpine:3");
    spec.needs.services = vec![database().variable("POSTGRES_PASSWORD", password)];
    spec
}

/// The names of the list `of` in a request.
fn names(of: &Value) -> Vec<&str> {
    let all = of.as_array().expect("a list").iter();
    all.map(|one| one["name"].as_str().expect("a name")).collect()
}

#[tokio::test]
async fn a_second_launch_with_other_variables_registers_nothing() {
    let (double, cache) = (api_double().await, directory());
    for password in ["first", "second"] {
        let launcher = launcher(&double, with_helper(cache.path())).await;
        launcher.launch(&with_database(password)).await.unwrap();
    }
    assert_eq!(asked(&double), (2, 1));
    let registered = &double.requests("RegisterTaskDefinition")[0];
    assert_eq!(
        names(&registered["containerDefinitions"]),
        ["ci-coordinator", "fargate-agent", "fargate-helper", "postgres"]
    );
    let volumes = ["fargate-agent", "fargate-shared-1", "fargate-shared-2"];
    assert_eq!(names(&registered["volumes"]), volumes);
    assert!(!registered.to_string().contains("first"));
    let run = run(&double);
    assert_eq!(run[0], run[1]);
}

#[tokio::test]
async fn each_container_gets_what_is_its_own_of_a_launch() {
    let (double, cache) = (api_double().await, directory());
    let mut spec = with_database("hunter2");
    let secret: SecretText = serde_json::from_value(json!("s3cret")).unwrap();
    spec.host_secret = Some(secret);
    spec.needs.services.push(TaskService::new("plain", TaskImage::new("redis:7")));
    launcher(&double, with_helper(cache.path())).await.launch(&spec).await.unwrap();
    let way_in = json!([
        {"name": "FARGATE_HOST_SECRET", "value": "s3cret"},
        {"name": "SSH_PUBLIC_KEY", "value": spec.authorized_key},
    ]);
    let wanted = json!([
        {"name": "ci-coordinator", "environment": way_in},
        {"name": "fargate-helper", "environment": way_in},
        {"name": "postgres", "environment": [{"name": "POSTGRES_PASSWORD", "value": "hunter2"}]},
    ]);
    assert_eq!(double.requests("RunTask")[0]["overrides"]["containerOverrides"], wanted);
}

#[tokio::test]
async fn the_same_key_is_one_task_with_services_too() {
    let (double, cache) = (api_double().await, directory());
    let spec = with_database("same");
    let launcher = launcher(&double, with_helper(cache.path())).await;
    let first = launcher.launch(&spec).await.unwrap();
    let second = launcher.launch(&spec).await.unwrap();
    assert_eq!(first.id(), second.id());
    assert_eq!(double.tasks().len(), 1);
}

#[tokio::test]
async fn what_cannot_be_registered_or_run_is_refused_before_ecs_is_asked() {
    type Case = (&'static str, fn(&mut EcsConfig), fn(&mut TaskSpec), &'static str);
    let table: [Case; 4] = [
        (
            "a service with the name of a container of the base",
            |config| config.task_definition = "sidecar-task:1".to_owned(),
            |spec| spec.needs.services[0].name = "sidecar".to_owned(),
            "the service \"sidecar\" has the name of a container of the task definition",
        ),
        (
            "no container for the job",
            |config| config.task_definition = "plain-task:1".to_owned(),
            |_| {},
            "has no container \"ci-coordinator\"",
        ),
        (
            "a definition that is too long",
            |_| {},
            |spec| spec.needs.services[0].command = vec!["x".repeat(65 * 1024)],
            "bytes; ECS takes 65536",
        ),
        (
            "a helper image with a name that is too long",
            |config| {
                let agent = config.agent.as_mut().unwrap();
                agent.helper = Some(TaskImage::new("h".repeat(256)));
            },
            |_| {},
            "HelperImage has a name of 256 characters",
        ),
    ];
    for (case, change, ask, words) in table {
        let (double, cache) = (api_double().await, directory());
        let mut config = with_helper(cache.path());
        change(&mut config);
        let mut spec = with_database("a");
        ask(&mut spec);
        let error = launcher(&double, config).await.launch(&spec).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidConfig, "{case}: {error:?}");
        assert!(error.message().contains(words), "{case}: {error}");
        assert!(error.advice().is_some(), "{case}: {error:?}");
        let made = (calls(&double, "RegisterTaskDefinition"), calls(&double, "RunTask"));
        assert_eq!(made, (0, 0), "{case}");
    }
}

#[tokio::test]
async fn variables_that_are_too_long_for_ecs_are_refused_with_their_sizes() {
    let (double, cache) = (api_double().await, directory());
    let launcher = launcher(&double, with_helper(cache.path())).await;
    let error = launcher.launch(&with_database(&"p".repeat(8000))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidConfig, "{error:?}");
    assert!(error.message().contains("ECS takes 8192"), "{error}");
    let sizes = error.context_value("characters of services' variables").unwrap();
    assert!(sizes.starts_with("postgres: 80"), "{sizes}");
    assert!(!format!("{error:?}").contains("ppp"), "{error:?}");
    assert!(double.calls().is_empty(), "nothing is asked or registered: {:?}", double.calls());
    launcher.launch(&with_database(&"p".repeat(7500))).await.unwrap();
}
