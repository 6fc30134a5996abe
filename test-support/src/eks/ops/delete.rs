//! Takes objects away.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::eks::call::Call;
use crate::eks::lifecycle::is_finished;
use crate::eks::refusal::Refusal;
use crate::eks::selector::Selector;
use crate::eks::state::{Memory, World};
use crate::eks::store::{Key, Resource, key_of, list_of};

pub(super) fn delete(world: &World, call: &Call, key: &Key) -> Result<Value, Refusal> {
    let stated = call.body["gracePeriodSeconds"].as_u64();
    let grace = stated.or(call.number("gracePeriodSeconds")?);
    let mut memory = world.memory();
    let object = memory.store.get(key).ok_or_else(|| Refusal::not_found(key.0.plural(), &key.2))?;
    check_preconditions(key, object, &call.body["preconditions"])?;
    if key.0 == Resource::Pods {
        let uid = object["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
        delete_pod(&mut memory, &uid, grace)
            .ok_or_else(|| Refusal::not_found(key.0.plural(), &key.2))
    } else {
        memory.store.remove(key).ok_or_else(|| Refusal::not_found(key.0.plural(), &key.2))
    }
}

/// Deletes everything the selectors pick; returns it as it was.
pub(super) fn delete_all(world: &World, call: &Call, resource: Resource) -> Result<Value, Refusal> {
    let selector = Selector::read(resource, &call.query)?;
    let grace = call.body["gracePeriodSeconds"].as_u64().or(call.number("gracePeriodSeconds")?);
    let mut memory = world.memory();
    let all = memory.store.list(resource, Some(call.namespace()));
    let picked: Vec<Value> =
        all.into_iter().filter(|object| selector.picks(object)).cloned().collect();
    for object in &picked {
        if resource == Resource::Pods {
            delete_pod(&mut memory, object["metadata"]["uid"].as_str().unwrap_or_default(), grace);
        } else {
            memory.store.remove(&key_of(resource, object));
        }
    }
    let metadata = json!({"resourceVersion": memory.store.version().to_string()});
    Ok(list_of(resource, &picked, &metadata))
}

fn check_preconditions(key: &Key, object: &Value, wanted: &Value) -> Result<(), Refusal> {
    let metadata = &object["metadata"];
    for (field, name) in [("uid", "UID"), ("resourceVersion", "ResourceVersion")] {
        let (have, wanted) = (&metadata[field], &wanted[field]);
        if let Some(wanted) = wanted.as_str()
            && have != wanted
        {
            let have = have.as_str().unwrap_or_default();
            let changed = if field == "uid" {
                " The object might have been deleted and then recreated"
            } else {
                " The object might have been modified"
            };
            return Err(Refusal::conflict(
                key.0.plural(),
                &key.2,
                &format!(
                    "Precondition failed: {name} in precondition: {wanted}, {name} in object \
                     meta: {have}.{changed}"
                ),
            ));
        }
    }
    Ok(())
}

/// Deletes a pod: at once if nothing of it can run, or with `grace` 0; otherwise its processes end
/// first. Returns the pod as it is then; `None` if it is gone.
pub(in crate::eks) fn delete_pod(
    memory: &mut Memory,
    uid: &str,
    grace: Option<u64>,
) -> Option<Value> {
    let pod = &memory.lives.get(uid).filter(|life| !life.gone)?.last;
    let own = pod["spec"]["terminationGracePeriodSeconds"].as_u64().unwrap_or(30);
    let runs = pod["spec"]["nodeName"].is_string() && !is_finished(pod);
    let grace = if runs { grace.unwrap_or(own) } else { 0 };
    let before = pod["metadata"]["deletionGracePeriodSeconds"].as_u64();
    let shorter = before.is_none_or(|before| grace < before);
    if shorter {
        memory.change_pod(uid, |_, pod| {
            let due = SystemTime::now() + Duration::from_secs(grace);
            let due = humantime::format_rfc3339_seconds(due).to_string();
            pod["metadata"]["deletionTimestamp"] = due.into();
            pod["metadata"]["deletionGracePeriodSeconds"] = grace.into();
        });
    }
    if grace == 0 {
        memory.order(uid, |orders| orders.kill_at = Some(Instant::now()));
        return memory.remove_pod(uid);
    }
    if shorter {
        let kill_at = Instant::now() + Duration::from_secs(grace);
        memory.order(uid, |orders| orders.kill_at = Some(kill_at));
    }
    memory.lives.get(uid).map(|life| life.last.clone())
}
