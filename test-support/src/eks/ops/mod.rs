//! What each call does.

mod create;
mod delete;
mod read;
mod write;

use std::sync::Arc;

use serde_json::{Value, json};

use super::call::{Call, Target};
use super::cluster;
use super::refusal::Refusal;
use super::state::World;
use super::store::{Key, Resource};

pub(super) use self::delete::delete_pod;

/// Does a call that is no watch: the status code and the object.
pub(super) fn perform(world: &Arc<World>, call: &Call) -> Result<(u16, Value), Refusal> {
    let (resource, namespace, name) = match &call.target {
        Target::Version => return Ok((200, version())),
        Target::Clusters { .. } | Target::Profiles { .. } => {
            return cluster::answer(world, call).map(|value| (200, value));
        }
        // Those are no calls with an object for an answer.
        Target::Stream { .. } | Target::Log { .. } => return Err(Refusal::no_such_path()),
        Target::Objects { resource, namespace, name } => (*resource, namespace, name),
    };
    if call.verb == "list" {
        return read::list(world, call, resource).map(|list| (200, list));
    }
    if call.verb == "create" {
        let namespace = namespace.as_deref().ok_or_else(Refusal::no_such_path)?;
        return create::create(world, call, resource, namespace).map(|object| (201, object));
    }
    if call.verb == "deletecollection" {
        return delete::delete_all(world, call, resource).map(|list| (200, list));
    }
    let key: Key = (
        resource,
        namespace.clone().unwrap_or_default(),
        name.clone().ok_or_else(Refusal::no_such_path)?,
    );
    let object = match call.verb {
        "get" => read::get(world, &key)?,
        "delete" => delete::delete(world, call, &key)?,
        _ => write::write(world, call, &key)?,
    };
    Ok((200, object))
}

/// Refuses a namespace that is not there.
fn check_namespace(world: &World, namespace: &str) -> Result<(), Refusal> {
    let key = (Resource::Namespaces, String::new(), namespace.to_owned());
    match world.memory().store.get(&key) {
        Some(_) => Ok(()),
        None => Err(Refusal::not_found("namespaces", namespace)),
    }
}

fn version() -> Value {
    json!({
        "major": "1", "minor": "33", "gitVersion": "v1.33.5-eks-3025e55",
        "gitCommit": "3025e556da33c14cb7e8b6fc5d6d9c1a9b2e45c1", "gitTreeState": "clean",
        "buildDate": "2025-10-03T00:00:00Z", "goVersion": "go1.24.6", "compiler": "gc",
        "platform": "linux/amd64",
    })
}
