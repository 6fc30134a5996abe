//! `ListTasks`.

use serde_json::{Value, json};

use super::check_cluster;
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
    let most = match request.body.get("maxResults").and_then(Value::as_u64) {
        None => 100,
        Some(most @ 1..=100) => usize::try_from(most).unwrap_or(100),
        Some(_) => return Err(ApiError::invalid("maxResults must be between 1 and 100.")),
    };
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
    let after = request.text("nextToken");
    let mut found: Vec<&str> = memory
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
        .filter(|arn| after.is_none_or(|after| *arn > after))
        .collect();
    let more = found.len() > most;
    found.truncate(most);
    let mut out = json!({"taskArns": found});
    if more {
        // The last ARN of this page is where the next one goes on.
        out["nextToken"] = found.last().copied().into();
    }
    Ok(out)
}
