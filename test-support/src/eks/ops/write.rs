//! Changes objects: PATCH and PUT.

use serde_json::Value;

use crate::eks::call::Call;
use crate::eks::lifecycle::is_finished;
use crate::eks::patch;
use crate::eks::refusal::{Cause, Refusal};
use crate::eks::state::{World, is_held};
use crate::eks::store::{Key, Resource};

/// What only the server writes.
const KEPT: [&str; 6] = [
    "/metadata/uid",
    "/metadata/creationTimestamp",
    "/metadata/deletionTimestamp",
    "/metadata/deletionGracePeriodSeconds",
    "/metadata/resourceVersion",
    "/status",
];

pub(super) fn write(world: &World, call: &Call, key: &Key) -> Result<Value, Refusal> {
    let (resource, _, name) = key;
    let mut memory = world.memory();
    let old = memory.store.get(key).cloned();
    let old = old.ok_or_else(|| Refusal::not_found(resource.plural(), name))?;
    let mut new = if call.verb == "update" {
        call.body.clone()
    } else {
        patch::apply(&call.content_type, &old, &call.body)?
    };
    let version = &new["metadata"]["resourceVersion"];
    if version.is_string() && *version != old["metadata"]["resourceVersion"] {
        return Err(Refusal::modified(resource.plural(), name));
    }
    if new["metadata"]["name"] != name.as_str() {
        return Err(Refusal::bad_request(
            "the name of the object does not match the name on the URL",
        ));
    }
    keep(&old, &mut new);
    check_finalizers(*resource, name, &new)?;
    check_new_finalizers(*resource, name, &old, &new)?;
    if *resource != Resource::Pods {
        return Ok(memory.store.put(key.clone(), new));
    }
    check_spec(name, &old["spec"], &new["spec"])?;
    let uid = old["metadata"]["uid"].as_str().unwrap_or_default();
    memory.change_pod(uid, |_, pod| *pod = new.clone());
    if new["metadata"]["deletionTimestamp"].is_string() && !is_held(&new) && is_finished(&new) {
        // The last finalizer is gone, and so is what it held.
        return memory.remove_pod(uid).ok_or_else(|| Refusal::not_found("pods", name));
    }
    memory.store.get(key).cloned().ok_or_else(|| Refusal::not_found("pods", name))
}

fn keep(old: &Value, new: &mut Value) {
    for path in KEPT {
        let Some((parent, field)) = path.rsplit_once('/') else { continue };
        let Some(Value::Object(parent)) = new.pointer_mut(parent) else { continue };
        match old.pointer(path) {
            Some(value) => parent.insert(field.to_owned(), value.clone()),
            None => parent.remove(field),
        };
    }
}

/// Finalizers have names with a domain.
pub(super) fn check_finalizers(
    resource: Resource,
    name: &str,
    object: &Value,
) -> Result<(), Refusal> {
    for finalizer in finalizers(object) {
        if !finalizer.contains('/') && resource != Resource::Namespaces {
            let why = "name is neither a standard finalizer name nor is it fully qualified";
            let cause = Cause::invalid("metadata.finalizers[0]", finalizer, why);
            return Err(Refusal::invalid(resource.kind(), name, &[cause]));
        }
    }
    Ok(())
}

fn check_new_finalizers(
    resource: Resource,
    name: &str,
    old: &Value,
    new: &Value,
) -> Result<(), Refusal> {
    let known = finalizers(old);
    let more = finalizers(new).iter().any(|finalizer| !known.contains(finalizer));
    if more && old["metadata"]["deletionTimestamp"].is_string() {
        let why = "no new finalizers can be added if the object is being deleted";
        let cause = Cause::forbidden("metadata.finalizers", why);
        return Err(Refusal::invalid(resource.kind(), name, &[cause]));
    }
    Ok(())
}

fn finalizers(object: &Value) -> Vec<&str> {
    let names = object["metadata"]["finalizers"].as_array().map(Vec::as_slice).unwrap_or_default();
    names.iter().filter_map(Value::as_str).collect()
}

/// Of a pod's specification only images, tolerations and the deadline may change, and the
/// deadline only to an earlier one.
fn check_spec(name: &str, old: &Value, new: &Value) -> Result<(), Refusal> {
    let deadline = |spec: &Value| spec["activeDeadlineSeconds"].as_i64();
    let earlier = match (deadline(old), deadline(new)) {
        (Some(old), Some(new)) => (1..=old).contains(&new),
        (None, Some(new)) => new > 0,
        (old, None) => old.is_none(),
    };
    if !earlier {
        let said = new["activeDeadlineSeconds"].to_string();
        let why = "must be less than or equal to previous value";
        let cause = Cause::invalid("spec.activeDeadlineSeconds", &said, why);
        return Err(Refusal::invalid("Pod", name, &[cause]));
    }
    let fixed = |spec: &Value| {
        let mut spec = spec.clone();
        for field in ["activeDeadlineSeconds", "tolerations"] {
            spec[field] = Value::Null;
        }
        for container in spec["containers"].as_array_mut().into_iter().flatten() {
            container["image"] = Value::Null;
        }
        spec
    };
    if fixed(old) == fixed(new) {
        return Ok(());
    }
    let why = "pod updates may not change fields other than `spec.containers[*].image`, \
               `spec.initContainers[*].image`, `spec.activeDeadlineSeconds`, `spec.tolerations` \
               (only additions to existing tolerations), `spec.terminationGracePeriodSeconds` \
               (allow it to be set to 1 if it was previously negative)";
    Err(Refusal::invalid("Pod", name, &[Cause::forbidden("spec", why)]))
}
