//! What `RunTask` refuses, and what it reads from a request that is in order.

use std::collections::BTreeMap;

use serde_json::Value;

use super::tags;
use crate::ecs::api_error::ApiError;
use crate::ecs::definition::check_size;
use crate::ecs::request::{Request, list, text, texts};
use crate::ecs::state::World;

/// A request that is in order.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) definition: Value,
    pub(super) count: u64,
    /// Where the tasks go: the strategy's best entry, or what the launch type means.
    pub(super) provider: String,
    /// A launch type was given, so the task names no capacity provider.
    pub(super) by_launch_type: bool,
    pub(super) subnets: Vec<String>,
    pub(super) security_groups: Vec<String>,
    pub(super) public: bool,
    pub(super) platform_version: String,
    pub(super) cpu: String,
    pub(super) memory: String,
    pub(super) ephemeral_gib: u64,
    pub(super) tags: BTreeMap<String, String>,
}

pub(super) fn check(world: &World, request: &Request) -> Result<Plan, ApiError> {
    check_identifiers(request)?;
    let name = request
        .text("taskDefinition")
        .ok_or_else(|| ApiError::invalid("TaskDefinition cannot be empty."))?;
    let definition = world.memory().definitions.find(name).cloned();
    let definition = definition.ok_or_else(|| ApiError::client("TaskDefinition not found."))?;
    if definition["status"] != "ACTIVE" {
        return Err(ApiError::client("TaskDefinition is inactive"));
    }
    let count = match request.body.get("count").and_then(Value::as_u64) {
        None => 1,
        Some(count @ 1..=10) => count,
        Some(_) => return Err(ApiError::invalid("count must be between 1 and 10.")),
    };
    let (provider, by_launch_type) = capacity(world, request)?;
    let (cpu, memory, ephemeral_gib) = check_overrides(request, &definition)?;
    let (subnets, security_groups, public) = network(world, request)?;
    let platform_version = match request.text("platformVersion").unwrap_or("LATEST") {
        "LATEST" => "1.4.0",
        known @ ("1.3.0" | "1.4.0") => known,
        _ => {
            let message = "The specified platform does not exist.";
            return Err(ApiError::new(400, "PlatformUnknownException", message));
        }
    };
    let has_role =
        |value: &Value| text(value, "taskRoleArn").is_some_and(|role| role.starts_with("arn:"));
    let overrides = &request.body["overrides"];
    if request.body["enableExecuteCommand"] == true
        && !has_role(overrides)
        && !has_role(&definition)
    {
        return Err(ApiError::invalid(
            "The service couldn't run the task because a valid taskRoleArn is not being used.",
        ));
    }
    let tags = tags::read(request)?;
    if !tags.is_empty() {
        tags::check_allowed(world, request)?;
    }
    Ok(Plan {
        definition,
        count,
        provider,
        by_launch_type,
        subnets,
        security_groups,
        public,
        platform_version: platform_version.to_owned(),
        cpu,
        memory,
        ephemeral_gib,
        tags,
    })
}

fn check_identifiers(request: &Request) -> Result<(), ApiError> {
    let graphic = |char: char| char.is_ascii_graphic();
    if request
        .text("clientToken")
        .is_some_and(|token| token.len() > 64 || !token.chars().all(graphic))
    {
        return Err(ApiError::invalid(
            "clientToken must be at most 64 ASCII characters in the range of 33 to 126.",
        ));
    }
    let word = |char: char| char.is_ascii_alphanumeric() || "-_/".contains(char);
    if request.text("startedBy").is_some_and(|by| by.len() > 128 || !by.chars().all(word)) {
        return Err(ApiError::invalid(
            "startedBy must be at most 128 letters, numbers, hyphens, slashes and underscores.",
        ));
    }
    Ok(())
}

/// The capacity provider a task goes to, and whether a launch type said so.
fn capacity(world: &World, request: &Request) -> Result<(String, bool), ApiError> {
    let strategy = list(&request.body, "capacityProviderStrategy");
    let launch_type = request.text("launchType");
    if launch_type.is_some() && !strategy.is_empty() {
        return Err(ApiError::invalid(
            "Specifying both a launch type and capacity provider strategy is not supported. \
             Remove one and try again.",
        ));
    }
    if let Some(launch_type) = launch_type {
        return match launch_type {
            "FARGATE" => Ok(("FARGATE".to_owned(), true)),
            "EC2" | "EXTERNAL" => Err(no_instances()),
            _ => Err(ApiError::invalid(format!(
                "Launch type should be one of [EC2,FARGATE,EXTERNAL], not {launch_type}"
            ))),
        };
    }
    if strategy.is_empty() {
        return if world.options.default_capacity_provider {
            Ok(("FARGATE".to_owned(), false))
        } else {
            Err(no_instances())
        };
    }
    let number = |item: &Value, name: &str| item.get(name).and_then(Value::as_u64).unwrap_or(0);
    for item in strategy {
        let name = text(item, "capacityProvider").unwrap_or_default();
        if !world.options.capacity_providers.iter().any(|one| one == name) {
            return Err(ApiError::invalid(format!(
                "The specified capacity provider {name} is not associated with the cluster."
            )));
        }
    }
    // One task goes where a base asks for it, else to the greatest weight; the first of equals.
    let rank = |item: &&Value| (number(item, "base"), number(item, "weight"));
    let best = strategy.iter().rev().max_by_key(rank).filter(|item| rank(item) > (0, 0));
    match best.and_then(|item| text(item, "capacityProvider")) {
        Some(name) => Ok((name.to_owned(), false)),
        None if strategy.len() == 1 && strategy[0].get("weight").is_none() => {
            Ok((text(&strategy[0], "capacityProvider").unwrap_or_default().to_owned(), false))
        }
        None => Err(ApiError::invalid(
            "The capacity provider strategy must have at least one capacity provider with a \
             weight greater than zero.",
        )),
    }
}

fn no_instances() -> ApiError {
    ApiError::invalid("No Container Instances were found in your cluster.")
}

/// Checks the overrides; returns CPU, memory and ephemeral storage as they come out.
fn check_overrides(
    request: &Request,
    definition: &Value,
) -> Result<(String, String, u64), ApiError> {
    let overrides = &request.body["overrides"];
    if overrides.to_string().len() > 8192 {
        return Err(ApiError::invalid("Container Overrides length must be at most 8192"));
    }
    let containers = list(definition, "containerDefinitions");
    for one in list(overrides, "containerOverrides") {
        let name = text(one, "name").unwrap_or_default();
        if !containers.iter().any(|container| text(container, "name") == Some(name)) {
            return Err(ApiError::invalid(format!(
                "Override for container named {name} is not a container in the TaskDefinition."
            )));
        }
    }
    for field in ["taskRoleArn", "executionRoleArn"] {
        if text(overrides, field).is_some_and(|role| !role.starts_with("arn:aws:iam::")) {
            return Err(ApiError::client(format!("Role is not valid: {field}")));
        }
    }
    let either = |field: &str| {
        text(overrides, field).or_else(|| text(definition, field)).unwrap_or_default().to_owned()
    };
    let (cpu, memory) = (either("cpu"), either("memory"));
    check_size(&cpu, &memory)?;
    let ephemeral = match overrides["ephemeralStorage"]["sizeInGiB"].as_u64() {
        None => definition["ephemeralStorage"]["sizeInGiB"].as_u64().unwrap_or(20),
        Some(size @ 20..=200) => size,
        Some(_) => {
            return Err(ApiError::invalid(
                "Ephemeral storage size must be between 20 GiB and 200 GiB.",
            ));
        }
    };
    Ok((cpu, memory, ephemeral))
}

/// The subnets, the security groups and whether a public address is wanted.
fn network(world: &World, request: &Request) -> Result<(Vec<String>, Vec<String>, bool), ApiError> {
    let Some(vpc) = request.body.pointer("/networkConfiguration/awsvpcConfiguration") else {
        return Err(ApiError::invalid(
            "Network Configuration must be provided when networkMode 'awsvpc' is specified.",
        ));
    };
    let (subnets, groups) = (texts(vpc, "subnets"), texts(vpc, "securityGroups"));
    if subnets.is_empty() {
        return Err(ApiError::invalid("subnets can not be empty."));
    }
    if subnets.len() > 16 {
        return Err(ApiError::invalid("subnets can have at most 16 items."));
    }
    if groups.len() > 5 {
        return Err(ApiError::invalid("securityGroups can have at most 5 items."));
    }
    if let Some(id) = subnets.iter().find(|id| !world.options.subnets.contains(id)) {
        return Err(ApiError::invalid(format!(
            "Error retrieving subnet information for [{id}]: The subnet ID '{id}' does not exist \
             (ErrorCode: InvalidSubnetID.NotFound)"
        )));
    }
    if let Some(id) = groups.iter().find(|id| !world.options.security_groups.contains(id)) {
        return Err(ApiError::invalid(format!(
            "Error retrieving security group information for [{id}]: The security group '{id}' \
             does not exist (ErrorCode: InvalidGroup.NotFound)"
        )));
    }
    // Without a group a task gets the VPC's default one.
    let groups =
        if groups.is_empty() { vec!["sg-0a1b2c3d4e5f6default".to_owned()] } else { groups };
    Ok((subnets, groups, text(vpc, "assignPublicIp") == Some("ENABLED")))
}
