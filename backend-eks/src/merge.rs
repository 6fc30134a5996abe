//! Laying one object over another.

use serde_json::{Map, Value};

/// Lays `over` over `base`.
///
/// Maps are merged field by field. Lists of named things (containers, volumes) are merged by
/// name, a variable replaces all of its name, tolerations are appended, and every other list and
/// value is replaced.
pub(crate) fn lay_over(base: &mut Value, over: Value) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => fields(base, over),
        (base, over) => *base = over,
    }
}

fn fields(base: &mut Map<String, Value>, over: Map<String, Value>) {
    for (name, value) in over {
        match base.get_mut(&name) {
            Some(Value::Array(old)) if name == "tolerations" => append(old, value),
            Some(Value::Array(old)) if name == "env" => variables(old, value),
            Some(Value::Array(old)) if is_named(&value) => by_name(old, value),
            Some(old) => lay_over(old, value),
            None => drop(base.insert(name, value)),
        }
    }
}

fn append(base: &mut Vec<Value>, over: Value) {
    if let Value::Array(over) = over {
        base.extend(over);
    }
}

/// Of two variables with one name the last counts, and one that has both a value and a source is
/// refused.
fn variables(base: &mut Vec<Value>, over: Value) {
    let Value::Array(over) = over else { return };
    base.retain(|old| !over.iter().any(|new| new["name"] == old["name"]));
    base.extend(over);
}

fn by_name(base: &mut Vec<Value>, over: Value) {
    let Value::Array(over) = over else { return };
    for item in over {
        match base.iter_mut().find(|one| one["name"] == item["name"]) {
            Some(old) => lay_over(old, item),
            None => base.push(item),
        }
    }
}

/// Whether `value` is a list whose items all have a name.
fn is_named(value: &Value) -> bool {
    value.as_array().is_some_and(|items| items.iter().all(|item| item["name"].is_string()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn laid(mut base: Value, over: Value) -> Value {
        lay_over(&mut base, over);
        base
    }

    #[test]
    fn maps_are_merged_and_values_replaced() {
        assert_eq!(
            laid(json!({"a": {"x": 1, "y": 2}, "b": 1}), json!({"a": {"y": 3}, "c": 4})),
            json!({"a": {"x": 1, "y": 3}, "b": 1, "c": 4})
        );
        assert_eq!(laid(json!({"a": [1, 2]}), json!({"a": [3]})), json!({"a": [3]}));
        assert_eq!(laid(json!({"a": null}), json!({"a": {"b": 1}})), json!({"a": {"b": 1}}));
    }

    #[test]
    fn named_things_are_merged_by_name() {
        let base = json!({"volumes": [{"name": "a", "x": 1}, {"name": "b", "x": 2}]});
        let over = json!({"volumes": [{"name": "b", "y": 3}, {"name": "c", "y": 4}]});
        assert_eq!(
            laid(base, over),
            json!({"volumes": [
                {"name": "a", "x": 1},
                {"name": "b", "x": 2, "y": 3},
                {"name": "c", "y": 4},
            ]})
        );
    }

    #[test]
    fn a_variable_replaces_all_of_its_name() {
        let base = json!({"env": [{"name": "A", "valueFrom": {}}, {"name": "B"}, {"name": "A"}]});
        assert_eq!(
            laid(base, json!({"env": [{"name": "A", "value": "1"}]})),
            json!({"env": [{"name": "B"}, {"name": "A", "value": "1"}]})
        );
    }

    #[test]
    fn tolerations_are_appended() {
        assert_eq!(
            laid(json!({"tolerations": [{"key": "a"}]}), json!({"tolerations": [{"key": "b"}]})),
            json!({"tolerations": [{"key": "a"}, {"key": "b"}]})
        );
    }
}
