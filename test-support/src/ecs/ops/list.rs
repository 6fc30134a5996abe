//! `ListTasks`.

use serde_json::Value;

use super::check_cluster;
use super::pages::{page, page_size};
use crate::ecs::api_error::ApiError;
use crate::ecs::ids;
use crate::ecs::request::Request;
use crate::ecs::state::World;

pub(super) fn list_tasks(world: &World, request: &Request) -> Result<Value, ApiError> {
    check_cluster(world, request)?;
    let desired = request.text("desiredStatus").unwrap_or("RUNNING");
    if !["RUNNING", "PENDING", "STOPPED"].contains(&desired) {
        return Err(ApiError::invalid("Invalid desired status."));
    }
    let most = page_size(request)?;
    let others = ["containerInstance", "family", "launchType", "serviceName", "daemonName"];
    if request.text("startedBy").is_some()
        && (desired != "RUNNING" || others.iter().any(|other| request.text(other).is_some()))
    {
        return Err(ApiError::invalid("startedBy must be the only filter."));
    }
    let agrees = |field: &str, have: Option<&str>| {
        request.text(field).is_none_or(|wanted| have == Some(wanted))
    };
    let memory = world.memory();
    let lag = memory.faults.list_lag();
    let visible = |created: f64| lag.is_zero() || created + lag.as_secs_f64() <= ids::now();
    let found = memory
        .tasks
        .values()
        .filter(|task| {
            task.desired_status() == desired
                && visible(task.times.created)
                && agrees("startedBy", task.started_by.as_deref())
                && agrees("family", Some(&task.family))
                && agrees("launchType", Some("FARGATE"))
        })
        .map(|task| task.arn.as_str())
        .collect();
    Ok(page("taskArns", found, most, request))
}
