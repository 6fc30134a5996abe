//! `DescribeTasks`.

use serde_json::{Value, json};

use super::check_cluster;
use crate::ecs::api_error::ApiError;
use crate::ecs::request::{Request, texts};
use crate::ecs::state::{Memory, World};
use crate::ecs::task::Task;
use crate::ecs::{ids, task_json};

pub(super) fn describe_tasks(world: &World, request: &Request) -> Result<Value, ApiError> {
    check_cluster(world, request)?;
    let asked = texts(&request.body, "tasks");
    if asked.is_empty() {
        return Err(ApiError::invalid("Tasks cannot be empty."));
    }
    if asked.len() > 100 {
        return Err(ApiError::invalid("Tasks cannot have more than 100 elements."));
    }
    let with_tags = texts(&request.body, "include").iter().any(|what| what == "TAGS");
    let mut memory = world.memory();
    let hidden = memory.faults.hides_tasks();
    let (mut tasks, mut failures) = (Vec::new(), Vec::new());
    for name in asked {
        let arn = task_arn(world, &name);
        match memory.tasks.get(&arn).filter(|_| !hidden) {
            Some(task) => {
                let zone = world.zone(&task.interface.subnet);
                tasks.push(task_json::describe(task, &zone, with_tags));
            }
            None => failures.push(json!({"arn": arn, "reason": "MISSING"})),
        }
    }
    Ok(json!({"tasks": tasks, "failures": failures}))
}

/// The ARN of a task that is named by its ARN or its id.
fn task_arn(world: &World, name: &str) -> String {
    if name.starts_with("arn:") {
        return name.to_owned();
    }
    let name = format!("{}/{}", world.options.cluster, ids::last_part(name));
    ids::arn(&world.options.region, "task", &name)
}

/// The task, which must exist.
pub(super) fn existing<'a>(
    world: &World,
    memory: &'a mut Memory,
    name: &str,
) -> Result<&'a mut Task, ApiError> {
    memory
        .tasks
        .get_mut(&task_arn(world, name))
        .ok_or_else(|| ApiError::invalid("The referenced task was not found."))
}
