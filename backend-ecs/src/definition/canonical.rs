//! One text for all ways to write the same definition.

use serde_json::Value;

/// Lists of texts whose order means nothing; that of all others does, such as of a command.
const SETS_OF_TEXTS: [&str; 1] = ["requiresCompatibilities"];
/// Lists of objects whose order means something: of two files, the first counts (API reference,
/// ContainerDefinition).
const ORDERED_OBJECTS: [&str; 1] = ["environmentFiles"];

/// The canonical text of `value`: names sorted, what says nothing left out, lists that are sets
/// to ECS in one order.
///
/// ECS shows one definition in several ways: variables in another order, and lists that are empty
/// in one answer and missing in another.
pub(super) fn canonical(value: &Value) -> String {
    text("", value).unwrap_or_else(|| "null".to_owned())
}

fn text(name: &str, value: &Value) -> Option<String> {
    let (parts, brackets) = match value {
        Value::Null => return None,
        Value::Array(items) => {
            let mut parts: Vec<_> = items.iter().filter_map(|item| text("", item)).collect();
            let objects = items.first().is_some_and(Value::is_object);
            if objects && !ORDERED_OBJECTS.contains(&name) || SETS_OF_TEXTS.contains(&name) {
                parts.sort();
            }
            (parts, ['[', ']'])
        }
        Value::Object(fields) => {
            let field = |(name, value): (&String, &Value)| {
                let value = text(name, value)?;
                Some(format!("{}:{value}", Value::from(name.as_str())))
            };
            let mut parts: Vec<_> = fields.iter().filter_map(field).collect();
            parts.sort();
            (parts, ['{', '}'])
        }
        plain => return Some(plain.to_string()),
    };
    if parts.is_empty() {
        return None;
    }
    Some(format!("{}{}{}", brackets[0], parts.join(","), brackets[1]))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_text_of_a_definition_is_fixed() {
        let value = json!({"b": [2, 1], "a": {"y": null, "x": "q\"", "e": [], "o": {"p": {}}}});
        assert_eq!(canonical(&value), r#"{"a":{"x":"q\""},"b":[2,1]}"#);
        assert_eq!(canonical(&json!({"a": []})), "null");
    }

    #[test]
    fn what_is_a_set_to_ecs_has_one_order() {
        let one = json!({
            "environment": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
            "requiresCompatibilities": ["FARGATE", "EC2"], "systemControls": [], "x": null,
        });
        let other = json!({
            "requiresCompatibilities": ["EC2", "FARGATE"],
            "environment": [{"value": "2", "name": "B"}, {"value": "1", "name": "A"}],
        });
        assert_eq!(canonical(&one), canonical(&other));
    }

    #[test]
    fn an_order_that_means_something_stays() {
        for (one, other) in [
            (json!({"command": ["a", "b"]}), json!({"command": ["b", "a"]})),
            (
                json!({"environmentFiles": [{"value": "a"}, {"value": "b"}]}),
                json!({"environmentFiles": [{"value": "b"}, {"value": "a"}]}),
            ),
            (json!({"command": ["a", ""]}), json!({"command": ["a"]})),
            (json!({"essential": false}), json!({})),
        ] {
            assert_ne!(canonical(&one), canonical(&other), "{one} {other}");
        }
    }
}
