//! What each operation does.

mod clusters;
mod definitions;
mod describe;
mod launch_checks;
mod launch_task;
mod list;
mod logs;
mod network;
mod pages;
mod run;
mod stop;
mod sts;
mod tags;

use std::sync::Arc;

use serde_json::Value;

use super::api_error::ApiError;
use super::request::{Request, Service};
use super::state::World;

/// What a call is answered with.
#[derive(Debug)]
pub(super) enum Answer {
    Json(Value),
    /// The content of the response element of the query protocol.
    Xml(String),
}

/// Does what was asked for.
pub(super) fn perform(world: &Arc<World>, request: &Request) -> Result<Answer, ApiError> {
    let json = match (request.service, request.op.as_str()) {
        (Service::Ecs, "RunTask") => run::run_task(world, request)?,
        (Service::Ecs, "DescribeTasks") => describe::describe_tasks(world, request)?,
        (Service::Ecs, "StopTask") => stop::stop_task(world, request)?,
        (Service::Ecs, "ListTasks") => list::list_tasks(world, request)?,
        (Service::Ecs, "TagResource") => tags::tag_resource(world, request)?,
        (Service::Ecs, "ListTagsForResource") => tags::list_tags(world, request)?,
        (Service::Ecs, "RegisterTaskDefinition") => definitions::register(world, request)?,
        (Service::Ecs, "DescribeTaskDefinition") => definitions::describe(world, request)?,
        (Service::Ecs, "DeregisterTaskDefinition") => definitions::deregister(world, request)?,
        (Service::Ecs, "DeleteTaskDefinitions") => definitions::delete(world, request)?,
        (Service::Ecs, "ListTaskDefinitions") => definitions::list(world, request)?,
        (Service::Ecs, "ListTaskDefinitionFamilies") => definitions::families(world, request)?,
        (Service::Ecs, "DescribeClusters") => clusters::describe_clusters(world, request),
        (Service::Ecs, "ListClusters") => clusters::list_clusters(world),
        (Service::Logs, "GetLogEvents") => logs::get_events(world, request)?,
        (Service::Ec2, "DescribeNetworkInterfaces") => {
            return network::describe_interfaces(world, request).map(Answer::Xml);
        }
        (Service::Sts, "AssumeRole") => return sts::assume_role(world, request).map(Answer::Xml),
        (Service::Sts, "GetCallerIdentity") => return Ok(Answer::Xml(sts::caller(request))),
        (_, op) => return Err(ApiError::unknown_operation(op)),
    };
    Ok(Answer::Json(json))
}

/// Refuses a cluster that is not there.
fn check_cluster(world: &World, request: &Request) -> Result<(), ApiError> {
    if request.cluster() == world.options.cluster {
        Ok(())
    } else {
        Err(ApiError::cluster_not_found())
    }
}
