//! `RunTask`.

use std::sync::Arc;

use serde_json::{Value, json};

use super::launch_checks::{self, Plan};
use super::{check_cluster, launch_task};
use crate::ecs::api_error::ApiError;
use crate::ecs::request::Request;
use crate::ecs::state::{Launch, Memory, World};
use crate::ecs::{lifecycle, task_json};

pub(super) fn run_task(world: &Arc<World>, request: &Request) -> Result<Value, ApiError> {
    check_cluster(world, request)?;
    let plan = launch_checks::check(world, request)?;
    let token =
        request.text("clientToken").map(|token| (request.cluster().to_owned(), token.to_owned()));
    let mut parameters = request.body.clone();
    parameters["clientToken"] = Value::Null;

    let mut memory = world.memory();
    if let Some(before) = token.as_ref().and_then(|token| memory.tokens.get(token)) {
        if before.parameters != parameters {
            return Err(ApiError::conflict(before.tasks.clone()));
        }
        let tasks = before.tasks.clone();
        return Ok(json!({"tasks": show(world, &memory, &tasks), "failures": []}));
    }
    let subnet = match place(&mut memory, &plan) {
        Ok(subnet) => subnet,
        Err(reason) => {
            let failures: Vec<Value> = (0..plan.count).map(|_| json!({"reason": reason})).collect();
            return Ok(json!({"tasks": [], "failures": failures}));
        }
    };
    let mut started = Vec::new();
    for _ in 0..plan.count {
        let task = launch_task::make(world, &mut memory, request, &plan, &subnet)?;
        started.push(task.arn.clone());
        memory.tasks.insert(task.arn.clone(), task);
    }
    if let Some(token) = token {
        memory.tokens.insert(token, Launch { parameters, tasks: started.clone() });
    }
    let shown = show(world, &memory, &started);
    for arn in started {
        let life = tokio::spawn(lifecycle::live(Arc::clone(world), arn));
        memory.lives.push(life.abort_handle());
    }
    Ok(json!({"tasks": shown, "failures": []}))
}

/// A subnet with room, or why there is none.
fn place(memory: &mut Memory, plan: &Plan) -> Result<String, String> {
    if let Some(reason) = memory.faults.capacity_failure() {
        return Err(reason);
    }
    let mut full = None;
    for subnet in &plan.subnets {
        match memory.faults.no_room(subnet, &plan.provider) {
            None => return Ok(subnet.clone()),
            Some(reason) => full = Some(reason.to_owned()),
        }
    }
    Err(full.unwrap_or_default())
}

fn show(world: &World, memory: &Memory, arns: &[String]) -> Vec<Value> {
    let tasks = arns.iter().filter_map(|arn| memory.tasks.get(arn));
    tasks.map(|task| task_json::describe(task, &world.zone(&task.interface.subnet), true)).collect()
}
