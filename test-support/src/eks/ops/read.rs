//! Shows objects.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::eks::call::Call;
use crate::eks::refusal::Refusal;
use crate::eks::selector::Selector;
use crate::eks::state::World;
use crate::eks::store::{Key, Resource, key_of, list_of};

pub(super) fn get(world: &World, key: &Key) -> Result<Value, Refusal> {
    let memory = world.memory();
    let object = memory.store.get(key).cloned();
    object.ok_or_else(|| Refusal::not_found(key.0.plural(), &key.2))
}

/// A namespace that does not exist has an empty list, as on a real server.
pub(super) fn list(world: &World, call: &Call, resource: Resource) -> Result<Value, Refusal> {
    let selector = Selector::read(resource, &call.query)?;
    let limit = usize::try_from(call.number("limit")?.unwrap_or(0)).unwrap_or(usize::MAX);
    let after = call.query.get("continue").filter(|text| !text.is_empty());
    let after = after.map(|text| unfold(text)).transpose()?;
    let memory = world.memory();
    let namespace = Some(call.namespace()).filter(|name| !name.is_empty());
    let mut items: Vec<Value> = memory
        .store
        .list(resource, namespace)
        .into_iter()
        .filter(|object| after.as_ref().is_none_or(|after| place(resource, object) > *after))
        .filter(|object| selector.picks(object))
        .cloned()
        .collect();
    let mut metadata = json!({"resourceVersion": memory.store.version().to_string()});
    if limit > 0 && items.len() > limit {
        if selector.is_empty() {
            metadata["remainingItemCount"] = (items.len() - limit).into();
        }
        items.truncate(limit);
        let last = items.last().map(|object| place(resource, object)).unwrap_or_default();
        metadata["continue"] = URL_SAFE_NO_PAD.encode(last).into();
    }
    Ok(list_of(resource, &items, &metadata))
}

/// Where an object is in the order of lists.
fn place(resource: Resource, object: &Value) -> String {
    let (_, namespace, name) = key_of(resource, object);
    format!("{namespace}/{name}")
}

fn unfold(text: &str) -> Result<String, Refusal> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok();
    bytes
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(|| Refusal::bad_request("continue key is not valid: illegal base64 data"))
}
