//! `StopTask`.

use serde_json::{Value, json};

use super::check_cluster;
use super::describe::existing;
use crate::ecs::api_error::ApiError;
use crate::ecs::request::Request;
use crate::ecs::state::World;
use crate::ecs::{TaskEnd, ids, task_json};

pub(super) fn stop_task(world: &World, request: &Request) -> Result<Value, ApiError> {
    check_cluster(world, request)?;
    let Some(name) = request.text("task") else {
        return Err(ApiError::invalid("Task identifier is null."));
    };
    let mut memory = world.memory();
    let task = existing(world, &mut memory, name)?;
    let reason = request.text("reason").unwrap_or("Task stopped by user");
    if task.ends(TaskEnd::new("UserInitiated", reason)) {
        task.times.stopping = Some(ids::now());
        task.version += 1;
    }
    let zone = world.zone(&task.interface.subnet);
    Ok(json!({"task": task_json::describe(task, &zone, true)}))
}
