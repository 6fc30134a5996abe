//! Tags, of whatever has some.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// Values by keys.
pub(super) type Tags = BTreeMap<String, String>;

/// Tags as ECS shows them.
pub(super) fn json(tags: &Tags) -> Value {
    tags.iter().map(|(key, value)| json!({"key": key, "value": value})).collect()
}
