//! What is said of one task over its definition.

use std::collections::BTreeMap;

use aws_sdk_ecs::types::{ContainerOverride, EphemeralStorage, KeyValuePair, TaskOverride};
use fargate_core::{AgentSetup, Error, ErrorKind, Result, TaskSpec, host_proof};
use serde_json::{Value, json};

use crate::config::EcsConfig;
use crate::error::RUN_TASK;

/// The variable every task image reads its authorised key from.
pub(crate) const PUBLIC_KEY: &str = "SSH_PUBLIC_KEY";
/// Characters of all overrides together, with what JSON needs around them: `overrides` of RunTask
/// in the API reference.
const MAX_OVERRIDES: usize = 8192;

/// The overrides of `spec`, over what is configured.
///
/// # Errors
/// `InvalidConfig` when ECS would not take that much.
pub(crate) fn overrides(config: &EcsConfig, spec: &TaskSpec) -> Result<TaskOverride> {
    let resources = &spec.needs.resources;
    let number = |own: Option<u32>| own.map(|own| own.to_string());
    let storage = resources
        .ephemeral_storage
        .map(|gib| i32::try_from(gib).unwrap_or(i32::MAX))
        .or(config.ephemeral_storage_gib)
        .map(|gib| EphemeralStorage::builder().size_in_gib(gib).build());
    let overrides = TaskOverride::builder()
        .set_container_overrides(Some(containers(config, spec)))
        .set_cpu(number(resources.cpu).or_else(|| config.cpu.clone()))
        .set_memory(number(resources.memory).or_else(|| config.memory.clone()))
        .set_task_role_arn(resources.role.clone().or_else(|| config.task_role.clone()))
        .set_execution_role_arn(config.execution_role.clone())
        .set_ephemeral_storage(storage)
        .build();
    check_length(&overrides, spec)?;
    Ok(overrides)
}

/// The variables of each container that has some of its own in this task.
fn containers(config: &EcsConfig, spec: &TaskSpec) -> Vec<ContainerOverride> {
    let mut way_in = BTreeMap::from([(PUBLIC_KEY, spec.authorized_key.as_str())]);
    let Some(agent) = &config.agent else {
        return vec![container(&config.container, way_in)];
    };
    if let Some(secret) = &spec.host_secret {
        way_in.insert(host_proof::VARIABLE, secret.expose());
    }
    // The job's container goes first. With it the task ends.
    let deadline = spec.deadline.map(|deadline| format!("{}s", deadline.as_secs().max(1)));
    let own = deadline.iter().map(|deadline| (AgentSetup::DEADLINE, deadline.as_str()));
    let mut all = vec![container(&config.container, way_in.clone().into_iter().chain(own))];
    if agent.helper.is_some() {
        all.push(container(AgentSetup::HELPER, way_in));
    }
    for service in spec.needs.services.iter().filter(|service| !service.variables.is_empty()) {
        let variables = service.variables.iter();
        let variables = variables.map(|(name, value)| (name.as_str(), value.as_str()));
        all.push(container(&service.name, variables));
    }
    all
}

fn container<'a>(
    name: &str,
    variables: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> ContainerOverride {
    let variable =
        |(name, value): (&str, &str)| KeyValuePair::builder().name(name).value(value).build();
    let variables = variables.into_iter().map(variable).collect();
    ContainerOverride::builder().name(name).set_environment(Some(variables)).build()
}

/// Refuses more than ECS takes before it does, which names nobody.
fn check_length(overrides: &TaskOverride, spec: &TaskSpec) -> Result<()> {
    let length = |value: &Value| value.to_string().chars().count();
    let containers = overrides.container_overrides();
    let all: Vec<Value> = containers.iter().map(container_json).collect();
    let storage = overrides.ephemeral_storage().map(EphemeralStorage::size_in_gib);
    let whole = json!({
        "containerOverrides": all,
        "cpu": overrides.cpu(), "memory": overrides.memory(),
        "taskRoleArn": overrides.task_role_arn(),
        "executionRoleArn": overrides.execution_role_arn(),
        "ephemeralStorage": storage.map(|gib| json!({"sizeInGiB": gib})),
    });
    let whole = without_nulls(whole);
    let total = length(&whole);
    if total <= MAX_OVERRIDES {
        return Ok(());
    }
    let is_service = |name: &str| spec.needs.services.iter().any(|service| service.name == name);
    let sizes: Vec<String> = containers
        .iter()
        .zip(&all)
        .filter_map(|(one, json)| Some((one.name().filter(|name| is_service(name))?, json)))
        .map(|(name, json)| format!("{name}: {}", length(json)))
        .collect();
    Err(Error::new(
        ErrorKind::InvalidConfig,
        RUN_TASK.op,
        format!(
            "what this task has of its own takes {total} characters; ECS takes {MAX_OVERRIDES}"
        ),
    )
    .with("characters of services' variables", sizes.join(", "))
    .hint("give the services fewer or shorter variables"))
}

fn container_json(one: &ContainerOverride) -> Value {
    let variable = |one: &KeyValuePair| json!({"name": one.name(), "value": one.value()});
    let variables: Vec<Value> = one.environment().iter().map(variable).collect();
    json!({"name": one.name(), "environment": variables})
}

/// As the SDK writes it: what is not set is not there.
fn without_nulls(mut value: Value) -> Value {
    if let Some(fields) = value.as_object_mut() {
        fields.retain(|_, field| !field.is_null());
    }
    value
}

#[cfg(test)]
mod tests {
    use fargate_core::{SecretText, TaskImage, TaskKey, TaskResources, TaskService};

    use super::*;

    fn spec() -> TaskSpec {
        TaskSpec::new(TaskKey::new("k").unwrap(), TaskKey::new("o").unwrap(), "ssh-ed25519 AAAA")
    }

    fn config() -> EcsConfig {
        let mut config = EcsConfig::new("ci", "task:3");
        let mut agent = AgentSetup::new("agent:1");
        agent.helper = Some(TaskImage::new("helper:1"));
        config.agent = Some(agent);
        config
    }

    fn with_variables(length: usize) -> TaskSpec {
        let mut spec = spec();
        let service = |name: &str| TaskService::new(name, TaskImage::new("db:1"));
        spec.needs.services = vec![
            service("db").variable("PASSWORD", "ä".repeat(length)),
            service("plain"),
            service("cache").variable("A", "\"1\""),
        ];
        spec
    }

    fn variables(overrides: &TaskOverride) -> Vec<(String, String)> {
        let of = |one: &ContainerOverride| {
            let name = one.name().unwrap_or_default().to_owned();
            let all = one.environment().iter();
            let all = all.map(|one| format!("{}={}", one.name().unwrap(), one.value().unwrap()));
            (name, all.collect::<Vec<_>>().join(" "))
        };
        overrides.container_overrides().iter().map(of).collect()
    }

    fn pair(one: &str, other: &str) -> (String, String) {
        (one.to_owned(), other.to_owned())
    }

    #[test]
    fn key_and_secret_go_to_job_and_helper_and_each_service_gets_its_variables() {
        let mut spec = with_variables(1);
        let secret = serde_json::from_str::<SecretText>("\"s3cret\"").unwrap();
        spec.host_secret = Some(secret);
        let way_in = "FARGATE_HOST_SECRET=s3cret SSH_PUBLIC_KEY=ssh-ed25519 AAAA";
        assert_eq!(
            variables(&overrides(&config(), &spec).unwrap()),
            [
                pair("ci-coordinator", way_in),
                pair("fargate-helper", way_in),
                pair("db", "PASSWORD=ä"),
                pair("cache", "A=\"1\""),
            ]
        );
    }

    #[test]
    fn without_an_agent_only_the_key_goes_to_the_job() {
        let mut spec = with_variables(1);
        spec.host_secret = Some(serde_json::from_str("\"s3cret\"").unwrap());
        let config = EcsConfig::new("ci", "task:3");
        assert_eq!(
            variables(&overrides(&config, &spec).unwrap()),
            [pair("ci-coordinator", "SSH_PUBLIC_KEY=ssh-ed25519 AAAA")]
        );
    }

    #[test]
    fn what_the_task_says_of_sizes_and_role_goes_over_what_is_configured() {
        let mut config = EcsConfig::new("ci", "task:3");
        config.cpu = Some("1 vCPU".to_owned());
        config.memory = Some("2 GB".to_owned());
        config.ephemeral_storage_gib = Some(30);
        config.task_role = Some("arn:configured".to_owned());
        config.execution_role = Some("arn:execution".to_owned());
        let mut spec = spec();
        let shown = |spec: &TaskSpec| {
            let all = overrides(&config, spec).unwrap();
            let gib = all.ephemeral_storage().map(EphemeralStorage::size_in_gib);
            format!(
                "{:?} {:?} {gib:?} {:?} {:?}",
                all.cpu().unwrap(),
                all.memory().unwrap(),
                all.task_role_arn().unwrap(),
                all.execution_role_arn().unwrap()
            )
        };
        assert_eq!(shown(&spec), r#""1 vCPU" "2 GB" Some(30) "arn:configured" "arn:execution""#);
        let mut resources = TaskResources::default();
        resources.cpu = Some(2048);
        resources.memory = Some(8192);
        resources.ephemeral_storage = Some(100);
        resources.role = Some("arn:job".to_owned());
        spec.needs.resources = resources;
        assert_eq!(shown(&spec), r#""2048" "8192" Some(100) "arn:job" "arn:execution""#);
    }

    #[test]
    fn more_than_ecs_takes_is_refused_with_the_size_of_each_service() {
        let mut config = config();
        config.ephemeral_storage_gib = Some(30);
        // 8192 characters, of which some are JSON's; a character may have several bytes.
        let fits =
            (1..MAX_OVERRIDES).rev().find(|&n| overrides(&config, &with_variables(n)).is_ok());
        let fits = fits.unwrap();
        let around = json!({
            "containerOverrides": [
                {"name": "ci-coordinator", "environment": [
                    {"name": "SSH_PUBLIC_KEY", "value": "ssh-ed25519 AAAA"}]},
                {"name": "fargate-helper", "environment": [
                    {"name": "SSH_PUBLIC_KEY", "value": "ssh-ed25519 AAAA"}]},
                {"name": "db", "environment": [{"name": "PASSWORD", "value": ""}]},
                {"name": "cache", "environment": [{"name": "A", "value": "\"1\""}]},
            ],
            "ephemeralStorage": {"sizeInGiB": 30},
        });
        assert_eq!(fits + around.to_string().len(), MAX_OVERRIDES);
        let error = overrides(&config, &with_variables(fits + 1)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
        assert!(error.message().contains("8193 characters; ECS takes 8192"), "{error}");
        let sizes = error.context_value("characters of services' variables").unwrap();
        let length = |index: usize| around["containerOverrides"][index].to_string().len();
        assert_eq!(sizes, format!("db: {}, cache: {}", fits + 1 + length(2), length(3)));
        assert!(!format!("{error:?}").contains('ä'), "values may be secret");
    }
}
