//! `TagResource` and `ListTagsForResource`, for tasks.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::describe::existing;
use crate::ecs::api_error::ApiError;
use crate::ecs::request::{Request, Service, list};
use crate::ecs::state::World;
use crate::ecs::{ids, task_json};

/// Reads and checks the `tags` of a request.
pub(super) fn read(request: &Request) -> Result<BTreeMap<String, String>, ApiError> {
    let mut tags = BTreeMap::new();
    for tag in list(&request.body, "tags") {
        let part = |name: &str| tag.get(name).and_then(Value::as_str).unwrap_or_default();
        let (key, value) = (part("key"), part("value"));
        let good = |char: char| char.is_alphanumeric() || " _.:/=+-@".contains(char);
        if key.is_empty() || key.chars().count() > 128 || !key.chars().all(good) {
            return Err(ApiError::invalid(format!("Invalid tag key: {key}")));
        }
        if value.chars().count() > 256 || !value.chars().all(good) {
            return Err(ApiError::invalid(format!("Invalid tag value for the key {key}")));
        }
        if key.to_ascii_lowercase().starts_with("aws:") {
            return Err(ApiError::invalid("Tag keys must not start with aws:"));
        }
        if tags.insert(key.to_owned(), value.to_owned()).is_some() {
            return Err(ApiError::invalid(format!("Duplicate tag key: {key}")));
        }
    }
    check_number(&tags)?;
    Ok(tags)
}

/// Refuses tags where a fault says so.
pub(super) fn check_allowed(world: &World, request: &Request) -> Result<(), ApiError> {
    if !world.memory().faults.denies_tags() {
        return Ok(());
    }
    let name = format!("{}/*", world.options.cluster);
    let resource = ids::arn(&world.options.region, "task", &name);
    Err(ApiError::denied(Service::Ecs, &request.who, "TagResource", &resource))
}

pub(super) fn tag_resource(world: &World, request: &Request) -> Result<Value, ApiError> {
    let new = read(request)?;
    check_allowed(world, request)?;
    let mut memory = world.memory();
    let task = existing(world, &mut memory, request.text("resourceArn").unwrap_or_default())?;
    let mut tags = task.tags.clone();
    tags.extend(new);
    check_number(&tags)?;
    task.tags = tags;
    Ok(json!({}))
}

pub(super) fn list_tags(world: &World, request: &Request) -> Result<Value, ApiError> {
    let mut memory = world.memory();
    let task = existing(world, &mut memory, request.text("resourceArn").unwrap_or_default())?;
    Ok(json!({"tags": task_json::tags(task)}))
}

fn check_number(tags: &BTreeMap<String, String>) -> Result<(), ApiError> {
    if tags.len() > 50 {
        return Err(ApiError::invalid("Tags can not have more than 50 elements."));
    }
    Ok(())
}
