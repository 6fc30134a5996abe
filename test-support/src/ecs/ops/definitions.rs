//! Task definitions: registered, shown, listed, taken out of use and deleted.

use serde_json::{Value, json};

use super::pages::{page, page_size};
use super::tags;
use crate::ecs::api_error::ApiError;
use crate::ecs::ids;
use crate::ecs::request::{Request, texts};
use crate::ecs::state::World;

/// API reference, DeleteTaskDefinitions.
const MOST_DELETED: usize = 10;

pub(super) fn register(world: &World, request: &Request) -> Result<Value, ApiError> {
    let new = tags::read(request)?;
    if !new.is_empty() {
        tags::check_allowed(world, request)?;
    }
    let mut memory = world.memory();
    let definition = memory.definitions.register(&world.options.region, &request.body, new)?;
    let tags = memory.definitions.tags(&definition);
    Ok(json!({"taskDefinition": definition, "tags": tags}))
}

pub(super) fn describe(world: &World, request: &Request) -> Result<Value, ApiError> {
    let memory = world.memory();
    let definition = request
        .text("taskDefinition")
        .and_then(|name| memory.definitions.find(name))
        .ok_or_else(|| ApiError::client("Unable to describe task definition."))?;
    // Only who asks for tags sees them.
    let asked = texts(&request.body, "include").iter().any(|what| what == "TAGS");
    let tags = if asked { memory.definitions.tags(definition) } else { json!([]) };
    Ok(json!({"taskDefinition": definition, "tags": tags}))
}

/// `ListTaskDefinitionFamilies`. A family is ACTIVE while a revision of it is.
pub(super) fn families(world: &World, request: &Request) -> Result<Value, ApiError> {
    let status = request.text("status").unwrap_or("ACTIVE");
    if !["ACTIVE", "INACTIVE", "ALL"].contains(&status) {
        return Err(ApiError::client("status must be one of [ACTIVE, ALL, INACTIVE]."));
    }
    let most = page_size(request)?;
    let memory = world.memory();
    let prefix = request.text("familyPrefix").unwrap_or_default();
    let found = memory.definitions.families(prefix, |revisions| {
        let active = revisions.iter().any(|one| one["status"] == "ACTIVE");
        status == "ALL" || active == (status == "ACTIVE")
    });
    Ok(page("families", found, most, request))
}

/// `ListTaskDefinitions`. What is called a prefix is the whole name of a family.
pub(super) fn list(world: &World, request: &Request) -> Result<Value, ApiError> {
    let status = request.text("status").unwrap_or("ACTIVE");
    if !["ACTIVE", "INACTIVE", "DELETE_IN_PROGRESS"].contains(&status) {
        return Err(ApiError::client(
            "status must be one of [ACTIVE, DELETE_IN_PROGRESS, INACTIVE].",
        ));
    }
    let most = page_size(request)?;
    let memory = world.memory();
    let found = memory.definitions.revisions(request.text("familyPrefix"), status);
    Ok(page("taskDefinitionArns", found, most, request))
}

/// Takes a revision out of use: it is still shown, but nothing new runs it.
pub(super) fn deregister(world: &World, request: &Request) -> Result<Value, ApiError> {
    let name = request.text("taskDefinition").unwrap_or_default();
    if !name.contains(':') {
        return Err(ApiError::client("Task definition must be family:revision or an ARN."));
    }
    let mut memory = world.memory();
    let definition = memory
        .definitions
        .revision_mut(name)
        .filter(|definition| definition["status"] != DELETING)
        .ok_or_else(|| ApiError::client("The specified task definition does not exist."))?;
    definition["status"] = "INACTIVE".into();
    definition["deregisteredAt"] = ids::now().into();
    Ok(json!({"taskDefinition": definition}))
}

const DELETING: &str = "DELETE_IN_PROGRESS";

/// `DeleteTaskDefinitions`. Tasks that run go on; nothing else shows the revisions any more but
/// `DescribeTaskDefinition`.
pub(super) fn delete(world: &World, request: &Request) -> Result<Value, ApiError> {
    let names = texts(&request.body, "taskDefinitions");
    if names.is_empty() {
        return Err(ApiError::invalid(
            "size of TaskDefinition references list must be greater than 0",
        ));
    }
    if names.len() > MOST_DELETED {
        return Err(ApiError::invalid("Size of TaskDefinition references list cannot exceed 10"));
    }
    let mut memory = world.memory();
    let kept = memory.faults.keeps_definitions();
    let (mut deleted, mut failures) = (Vec::new(), Vec::new());
    for name in names {
        let refused = match memory.definitions.revision_mut(&name) {
            None if !ids::last_part(&name).contains(':') => {
                "The specified task definition identifier is invalid. Specify a valid name or ARN \
                 and try again."
            }
            None => {
                "The specified task definition does not exist. Specify a valid account, family, \
                 revision and try again."
            }
            Some(definition) if definition["status"] == "ACTIVE" => {
                "The specified task definition is still in ACTIVE status. Please deregister the \
                 target and try again."
            }
            Some(_) if kept.is_some() => kept.as_deref().unwrap_or_default(),
            Some(definition) => {
                definition["status"] = DELETING.into();
                definition["deleteRequestedAt"] = ids::now().into();
                deleted.push(definition.clone());
                continue;
            }
        };
        failures.push(json!({"arn": name, "reason": refused}));
    }
    Ok(json!({"taskDefinitions": deleted, "failures": failures}))
}
