//! Fields of a definition, and what is wrong with one.

use fargate_core::{Error, ErrorKind};
use serde_json::{Map, Value, json};

/// What ECS calls an object.
pub(super) type Fields = Map<String, Value>;

pub(super) fn wrong(message: String, hint: &'static str) -> Error {
    Error::new(ErrorKind::InvalidConfig, "derive task definition", message).hint(hint)
}

/// Sets a field, or takes it away.
pub(super) fn put(fields: &mut Fields, name: &str, value: Option<Value>) {
    match value {
        Some(value) => fields.insert(name.to_owned(), value),
        None => fields.remove(name),
    };
}

/// Adds to a list, made where it is missing.
pub(super) fn push(fields: &mut Fields, name: &str, item: Value) {
    let mut items = taken(fields, name);
    items.push(item);
    fields.insert(name.to_owned(), items.into());
}

/// A list, which is gone then; missing is empty.
pub(super) fn taken(fields: &mut Fields, name: &str) -> Vec<Value> {
    match fields.remove(name) {
        Some(Value::Array(items)) => items,
        _ => Vec::new(),
    }
}

/// Sets variables of a container, over those of the same names.
pub(super) fn set_variables<'a>(
    container: &mut Fields,
    variables: impl IntoIterator<Item = (&'a str, String)>,
) {
    let mut all = taken(container, "environment");
    for (name, value) in variables {
        all.retain(|one| one["name"] != name);
        all.push(json!({"name": name, "value": value}));
    }
    container.insert("environment".to_owned(), all.into());
}
