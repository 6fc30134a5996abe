//! `RegisterTaskDefinition`, `DescribeTaskDefinition` and `DeregisterTaskDefinition`.

use serde_json::{Value, json};

use super::tags;
use crate::ecs::api_error::ApiError;
use crate::ecs::request::{Request, texts};
use crate::ecs::state::World;

pub(super) fn register(world: &World, request: &Request) -> Result<Value, ApiError> {
    if !tags::read(request)?.is_empty() {
        tags::check_allowed(world, request)?;
    }
    let mut memory = world.memory();
    let definition = memory.definitions.register(&world.options.region, &request.body)?;
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

pub(super) fn deregister(world: &World, request: &Request) -> Result<Value, ApiError> {
    let definition = request
        .text("taskDefinition")
        .and_then(|name| world.memory().definitions.deregister(name))
        .ok_or_else(|| ApiError::client("The specified task definition does not exist."))?;
    Ok(json!({"taskDefinition": definition}))
}
