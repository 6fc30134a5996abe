//! Patches, as far as clients of pods send them.

use serde_json::Value;

use super::refusal::Refusal;

/// The object with the patch applied. Of a strategic merge only what it has in common with a
/// plain one is done, and lists of things that have names are merged by name.
pub(super) fn apply(content_type: &str, object: &Value, patch: &Value) -> Result<Value, Refusal> {
    let mut out = object.clone();
    match content_type.split(';').next().unwrap_or_default().trim() {
        "application/merge-patch+json" => merge(&mut out, patch, false),
        "application/strategic-merge-patch+json" => merge(&mut out, patch, true),
        "application/json-patch+json" => {
            for step in patch.as_array().into_iter().flatten() {
                json_step(&mut out, step)?;
            }
        }
        other => {
            return Err(Refusal::new(
                415,
                "UnsupportedMediaType",
                format!(
                    "the body of the request was in an unknown format - accepted media types \
                     include: application/json-patch+json, application/merge-patch+json, \
                     application/strategic-merge-patch+json (it was {other})"
                ),
            ));
        }
    }
    Ok(out)
}

/// RFC 7386.
fn merge(into: &mut Value, patch: &Value, by_name: bool) {
    match patch {
        Value::Object(fields) => {
            if !into.is_object() {
                *into = Value::Object(serde_json::Map::new());
            }
            for (name, value) in fields {
                if value.is_null() {
                    if let Some(into) = into.as_object_mut() {
                        into.remove(name);
                    }
                } else {
                    merge(&mut into[name], value, by_name);
                }
            }
        }
        Value::Array(items) if by_name && items.iter().all(|item| item["name"].is_string()) => {
            let Value::Array(have) = into else {
                *into = patch.clone();
                return;
            };
            for item in items {
                match have.iter_mut().find(|one| one["name"] == item["name"]) {
                    Some(one) => merge(one, item, true),
                    None => have.push(item.clone()),
                }
            }
        }
        other => *into = other.clone(),
    }
}

/// One step of RFC 6902: add, replace, remove or test.
fn json_step(object: &mut Value, step: &Value) -> Result<(), Refusal> {
    let path = step["path"].as_str().unwrap_or_default();
    let refused = || {
        let message =
            format!("the server rejected our request due to an error in our request: {step}");
        Refusal::new(422, "Invalid", message)
    };
    let op = step["op"].as_str().unwrap_or_default();
    if op == "test" {
        return if object.pointer(path) == Some(&step["value"]) { Ok(()) } else { Err(refused()) };
    }
    let (parent, field) = path.rsplit_once('/').ok_or_else(refused)?;
    let field = field.replace("~1", "/").replace("~0", "~");
    match (object.pointer_mut(parent), op) {
        (Some(Value::Object(parent)), "add") => {
            parent.insert(field, step["value"].clone());
        }
        (Some(Value::Object(parent)), "replace") => {
            *parent.get_mut(&field).ok_or_else(refused)? = step["value"].clone();
        }
        (Some(Value::Object(parent)), "remove") => {
            parent.remove(&field).ok_or_else(refused)?;
        }
        (Some(Value::Array(items)), "add") if field == "-" => items.push(step["value"].clone()),
        (Some(Value::Array(items)), "add" | "replace" | "remove") => {
            let at: usize = field.parse().map_err(|_| refused())?;
            if at > items.len() || op != "add" && at == items.len() {
                return Err(refused());
            }
            match op {
                "add" => items.insert(at, step["value"].clone()),
                "replace" => items[at] = step["value"].clone(),
                _ => {
                    items.remove(at);
                }
            }
        }
        _ => return Err(refused()),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_kind_of_patch() {
        let object = json!({"a": {"b": 1, "c": 2}, "l": [{"name": "x", "v": 1}, {"name": "y"}]});
        let patch = json!({"a": {"b": null, "d": 3}, "l": [{"name": "x", "v": 2}]});
        let merged = apply("application/merge-patch+json", &object, &patch).unwrap();
        assert_eq!(merged, json!({"a": {"c": 2, "d": 3}, "l": [{"name": "x", "v": 2}]}));
        let merged = apply("application/strategic-merge-patch+json", &object, &patch).unwrap();
        assert_eq!(merged["l"], json!([{"name": "x", "v": 2}, {"name": "y"}]));
        let steps = json!([
            {"op": "test", "path": "/a/b", "value": 1},
            {"op": "remove", "path": "/a/b"},
            {"op": "add", "path": "/a/e~1f", "value": 4},
            {"op": "add", "path": "/l/-", "value": 5},
            {"op": "replace", "path": "/l/0", "value": 6},
            {"op": "remove", "path": "/l/1"},
        ]);
        let stepped = apply("application/json-patch+json", &object, &steps).unwrap();
        assert_eq!(stepped, json!({"a": {"c": 2, "e/f": 4}, "l": [6, 5]}));
        let wrong = json!([{"op": "test", "path": "/a/b", "value": 7}]);
        assert_eq!(apply("application/json-patch+json", &object, &wrong).unwrap_err().code, 422);
        assert_eq!(apply("application/apply-patch+yaml", &object, &wrong).unwrap_err().code, 415);
    }
}
