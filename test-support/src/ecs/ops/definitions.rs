//! `RegisterTaskDefinition` and `DescribeTaskDefinition`.

use serde_json::{Value, json};

use crate::ecs::api_error::ApiError;
use crate::ecs::request::Request;
use crate::ecs::state::World;

pub(super) fn register(world: &World, request: &Request) -> Result<Value, ApiError> {
    let definition = world.memory().definitions.register(&world.options.region, &request.body)?;
    Ok(json!({"taskDefinition": definition}))
}

pub(super) fn describe(world: &World, request: &Request) -> Result<Value, ApiError> {
    let memory = world.memory();
    let definition = request
        .text("taskDefinition")
        .and_then(|name| memory.definitions.find(name))
        .ok_or_else(|| ApiError::client("Unable to describe task definition."))?;
    Ok(json!({"taskDefinition": definition, "tags": []}))
}
