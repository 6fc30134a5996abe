//! Lays what a task needs, and the agent, over a base definition.

mod bringer;
mod fields;
mod helper;
mod job;
mod lent;
mod names;
mod platform;
mod services;
mod volumes;

use fargate_core::{AgentSetup, Result, TaskNeeds};
use serde_json::{Map, Value};

use self::fields::{taken, wrong};
use self::lent::Lent;
use super::Base;

/// Most containers of a definition: "Amazon ECS service quotas" in the developer guide.
const MAX_CONTAINERS: usize = 10;

/// The definition of `base` in which `container` runs the image of `needs`, or else its own, under
/// the agent, with a helper container and services beside it. Its family is still the base's.
///
/// It depends on nothing that differs from job to job: the environment of a service, the keys and
/// the sizes go into RunTask, so that the same images always have the same definition.
pub(super) fn overlay(
    base: &Base,
    container: &str,
    agent: &AgentSetup,
    needs: &TaskNeeds,
) -> Result<Map<String, Value>> {
    lay(base, container, agent, needs).map_err(|error| error.with("task definition", &base.arn))
}

fn lay(
    base: &Base,
    container: &str,
    agent: &AgentSetup,
    needs: &TaskNeeds,
) -> Result<Map<String, Value>> {
    let mut definition = base.definition.clone();
    platform::lay(&mut definition, needs)?;
    let mut containers = taken(&mut definition, "containerDefinitions");
    let mut volumes = taken(&mut definition, "volumes");
    names::check(&containers, container, agent, needs)?;
    let Some(Value::Object(job)) = containers.iter_mut().find(|one| one["name"] == container)
    else {
        return Err(wrong(
            format!("the task definition has no container {container:?}"),
            "give the container that runs the jobs this name",
        ));
    };
    let lent = Lent::of(job);
    let hosts = services::hosts(&needs.services);
    job::lay(job, agent, needs.image.as_ref(), &hosts, &lent)?;
    services::go_first(&needs.services, job);
    volumes::share(job, &mut volumes, agent)?;
    let mut more = vec![bringer::container(agent, &lent)?];
    if let Some(image) = &agent.helper {
        more.push(helper::container(job, agent, image, &hosts, &lent)?);
    }
    for service in &needs.services {
        more.push(services::container(service, &lent)?);
    }
    containers.extend(more.into_iter().map(Value::from));
    if containers.len() > MAX_CONTAINERS {
        return Err(wrong(
            format!(
                "the task would have {} containers; ECS takes {MAX_CONTAINERS}",
                containers.len()
            ),
            "let the job have fewer services, or take containers out of the task definition",
        ));
    }
    definition.insert("containerDefinitions".to_owned(), containers.into());
    definition.insert("volumes".to_owned(), volumes.into());
    Ok(definition)
}

#[cfg(test)]
mod tests;
