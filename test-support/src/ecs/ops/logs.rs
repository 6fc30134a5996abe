//! `GetLogEvents`: what containers have written whose definition logs with `awslogs`.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::container::Group;
use crate::ecs::api_error::ApiError;
use crate::ecs::request::{Request, list, text};
use crate::ecs::state::World;
use crate::ecs::{ids, task::Task};

/// Most events of an answer. AWS's limit is a size, so any answer may have fewer than were asked
/// for; whoever does not turn the page misses some soon.
const PAGE: usize = 5;
/// The API reference's.
const MAX_LIMIT: u64 = 10_000;

/// A container whose output is a log stream.
struct Writer {
    group: Arc<Group>,
    container: usize,
    created: f64,
}

/// Without a token the answer is empty, which AWS allows itself ("can return empty results while
/// there are more log events available through the token").
pub(super) fn get_events(world: &World, request: &Request) -> Result<Value, ApiError> {
    let name = |field: &str| {
        let missing = || ApiError::invalid(format!("{field} must not be empty"));
        request.text(field).ok_or_else(missing)
    };
    let (log_group, stream) = (name("logGroupName")?, name("logStreamName")?);
    let limit = match request.body.get("limit").map(Value::as_u64) {
        None => MAX_LIMIT,
        Some(Some(limit @ 1..=MAX_LIMIT)) => limit,
        Some(_) => return Err(ApiError::invalid("limit must be between 1 and 10000")),
    };
    let Writer { group, container, created } = find(world, log_group, stream)?;
    let log = group.log(Some(&group.plans[container].name));
    let lines: Vec<&str> = log.lines().collect();
    let limit = PAGE.min(usize::try_from(limit).unwrap_or(PAGE));
    let (from, to) = match request.text("nextToken").and_then(|token| token.split_once('/')) {
        None => (lines.len(), lines.len()),
        Some(("b", at)) => {
            let to = at.parse().unwrap_or(0_usize).min(lines.len());
            (to.saturating_sub(limit), to)
        }
        Some((_, at)) => {
            let from = at.parse().unwrap_or(0_usize).min(lines.len());
            (from, lines.len().min(from + limit))
        }
    };
    // Milliseconds; nobody has noted when a line was written.
    let event = |line: &&str| {
        let time = created * 1000.0;
        json!({"timestamp": time.round(), "ingestionTime": time.round(), "message": line})
    };
    let events: Vec<Value> = lines[from..to].iter().map(event).collect();
    Ok(json!({
        "events": events,
        "nextBackwardToken": format!("b/{from}"), "nextForwardToken": format!("f/{to}"),
    }))
}

fn find(world: &World, log_group: &str, stream: &str) -> Result<Writer, ApiError> {
    let memory = world.memory();
    let mut is_known = false;
    for task in memory.tasks.values() {
        let Some(definition) = memory.definitions.find(&task.definition_arn) else { continue };
        for (index, container) in list(definition, "containerDefinitions").iter().enumerate() {
            let options = &container["logConfiguration"]["options"];
            if text(options, "awslogs-group") != Some(log_group) {
                continue;
            }
            is_known = true;
            let prefix = text(options, "awslogs-stream-prefix").unwrap_or_default();
            let name = text(container, "name").unwrap_or_default();
            if stream == format!("{prefix}/{name}/{}", ids::last_part(&task.arn))
                && let Some(group) = started(task, index)
            {
                return Ok(Writer { group, container: index, created: task.times.created });
            }
        }
    }
    let what = if is_known { "stream" } else { "group" };
    let message = format!("The specified log {what} does not exist.");
    Err(ApiError::new(400, "ResourceNotFoundException", message))
}

/// The containers of a task, if that one has been started: the log driver makes its stream then.
fn started(task: &Task, index: usize) -> Option<Arc<Group>> {
    let group = task.group.as_ref()?;
    let standing = group.standings().into_iter().nth(index)?;
    (standing.pid.is_some() || standing.code.is_some()).then(|| Arc::clone(group))
}
