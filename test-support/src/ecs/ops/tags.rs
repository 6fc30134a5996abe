//! `TagResource` and `ListTagsForResource`, for tasks and task definitions.

use serde_json::{Value, json};

use super::describe::existing;
use crate::ecs::api_error::ApiError;
use crate::ecs::ids;
use crate::ecs::request::{Request, Service, list};
use crate::ecs::state::{Memory, World};
use crate::ecs::tags::{Tags, json as json_of};

/// Reads and checks the `tags` of a request.
pub(super) fn read(request: &Request) -> Result<Tags, ApiError> {
    let mut tags = Tags::new();
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
    let old = of_resource(world, &mut memory, request)?;
    let mut tags = old.clone();
    tags.extend(new);
    check_number(&tags)?;
    *old = tags;
    Ok(json!({}))
}

pub(super) fn list_tags(world: &World, request: &Request) -> Result<Value, ApiError> {
    let mut memory = world.memory();
    let tags = of_resource(world, &mut memory, request)?;
    Ok(json!({"tags": json_of(tags)}))
}

/// The tags of the task or the task definition that is named by its ARN.
fn of_resource<'a>(
    world: &World,
    memory: &'a mut Memory,
    request: &Request,
) -> Result<&'a mut Tags, ApiError> {
    let arn = request.text("resourceArn").unwrap_or_default();
    if arn.contains(":task-definition/") {
        let tags = memory.definitions.tags_mut(arn);
        return tags.ok_or_else(|| {
            ApiError::invalid("The specified task definition is inactive or does not exist.")
        });
    }
    existing(world, memory, arn).map(|task| &mut task.tags)
}

fn check_number(tags: &Tags) -> Result<(), ApiError> {
    if tags.len() > 50 {
        return Err(ApiError::invalid("Tags can not have more than 50 elements."));
    }
    Ok(())
}
