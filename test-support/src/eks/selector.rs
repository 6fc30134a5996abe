//! Label and field selectors.

use std::collections::BTreeMap;

use serde_json::Value;

use super::refusal::Refusal;
use super::store::Resource;

/// What a list or a watch picks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Selector {
    labels: Vec<Requirement>,
    fields: Vec<(String, bool, String)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Requirement {
    Exists(String),
    Missing(String),
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
}

impl Selector {
    pub(super) fn read(
        resource: Resource,
        query: &BTreeMap<String, String>,
    ) -> Result<Self, Refusal> {
        let text = |name: &str| query.get(name).map(String::as_str).unwrap_or_default();
        Ok(Self {
            labels: labels(text("labelSelector"))?,
            fields: fields(resource, text("fieldSelector"))?,
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }

    pub(super) fn picks(&self, object: &Value) -> bool {
        let labels = &object["metadata"]["labels"];
        self.labels.iter().all(|requirement| requirement.holds(labels))
            && self.fields.iter().all(|(path, equal, wanted)| {
                let pointer = format!("/{}", path.replace('.', "/"));
                let value = object.pointer(&pointer).and_then(Value::as_str).unwrap_or_default();
                (value == wanted) == *equal
            })
    }
}

impl Requirement {
    fn holds(&self, labels: &Value) -> bool {
        let value = |name: &String| labels.get(name).and_then(Value::as_str);
        match self {
            Self::Exists(name) => value(name).is_some(),
            Self::Missing(name) => value(name).is_none(),
            Self::In(name, values) => {
                value(name).is_some_and(|have| values.iter().any(|one| one == have))
            }
            Self::NotIn(name, values) => {
                value(name).is_none_or(|have| values.iter().all(|one| one != have))
            }
        }
    }
}

fn labels(text: &str) -> Result<Vec<Requirement>, Refusal> {
    split(text).into_iter().map(requirement).collect()
}

/// At the commas outside of parentheses.
fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0_i32, 0);
    for (at, char) in text.char_indices() {
        match char {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(text[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(text[start..].trim());
    parts.retain(|part| !part.is_empty());
    parts
}

fn requirement(text: &str) -> Result<Requirement, Refusal> {
    let one = |value: &str| vec![value.trim().to_owned()];
    let name = |name: &str| {
        let name = name.trim();
        if name.is_empty() || name.contains([' ', '(', ')', '=']) {
            Err(Refusal::bad_request(format!(
                "unable to parse requirement: found '{text}', expected: identifier"
            )))
        } else {
            Ok(name.to_owned())
        }
    };
    if let Some((key, value)) = text.split_once("!=") {
        return Ok(Requirement::NotIn(name(key)?, one(value)));
    }
    if let Some((key, value)) = text.split_once("==").or_else(|| text.split_once('=')) {
        return Ok(Requirement::In(name(key)?, one(value)));
    }
    if let Some((head, values)) = text.strip_suffix(')').and_then(|text| text.split_once('(')) {
        let values = values.split(',').map(|value| value.trim().to_owned()).collect();
        let head = head.trim();
        if let Some(key) = head.strip_suffix(" notin") {
            return Ok(Requirement::NotIn(name(key)?, values));
        }
        if let Some(key) = head.strip_suffix(" in") {
            return Ok(Requirement::In(name(key)?, values));
        }
    }
    match text.strip_prefix('!') {
        Some(key) => Ok(Requirement::Missing(name(key)?)),
        None => Ok(Requirement::Exists(name(text)?)),
    }
}

/// The fields each kind can be picked by.
fn known_fields(resource: Resource) -> &'static [&'static str] {
    match resource {
        Resource::Pods => &[
            "metadata.name",
            "metadata.namespace",
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "status.phase",
            "status.podIP",
        ],
        Resource::Events => &[
            "metadata.name",
            "metadata.namespace",
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "reason",
            "reportingComponent",
            "type",
        ],
        Resource::Namespaces => &["metadata.name", "status.phase"],
        Resource::ConfigMaps => &["metadata.name", "metadata.namespace"],
    }
}

fn fields(resource: Resource, text: &str) -> Result<Vec<(String, bool, String)>, Refusal> {
    let read = |part: &&str| {
        let (field, equal, value) = if let Some((field, value)) = part.split_once("!=") {
            (field, false, value)
        } else if let Some((field, value)) = part.split_once("==").or_else(|| part.split_once('='))
        {
            (field, true, value)
        } else {
            let message = format!("invalid field selector; can't understand '{part}'");
            return Err(Refusal::bad_request(message));
        };
        if !known_fields(resource).contains(&field) {
            return Err(Refusal::bad_request(format!("field label not supported: {field}")));
        }
        Ok((field.to_owned(), equal, value.to_owned()))
    };
    split(text).iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn picks(labels: &str, fields: &str) -> bool {
        let query = BTreeMap::from([
            ("labelSelector".to_owned(), labels.to_owned()),
            ("fieldSelector".to_owned(), fields.to_owned()),
        ]);
        let pod = json!({
            "metadata": {"name": "a", "labels": {"owner": "me", "app.example.com/tier": "ci"}},
            "status": {"phase": "Running"},
        });
        Selector::read(Resource::Pods, &query).unwrap().picks(&pod)
    }

    #[test]
    fn label_selectors() {
        for good in [
            "",
            "owner=me",
            "owner==me,app.example.com/tier=ci",
            "owner in (you, me),app.example.com/tier",
            "owner notin (you)",
            "owner!=you,!other",
            "other!=x",
        ] {
            assert!(picks(good, ""), "{good}");
        }
        for bad in ["owner=you", "owner in (you)", "owner notin (me)", "!owner", "other", "other=x"]
        {
            assert!(!picks(bad, ""), "{bad}");
        }
    }

    #[test]
    fn field_selectors() {
        assert!(picks("", "metadata.name=a,status.phase!=Failed"));
        assert!(!picks("", "metadata.name=b"));
        assert!(!picks("", "status.phase!=Running"));
        let query = BTreeMap::from([("fieldSelector".to_owned(), "spec.x=1".to_owned())]);
        let refused = Selector::read(Resource::Pods, &query).unwrap_err();
        assert_eq!((refused.code, refused.reason.as_str()), (400, "BadRequest"));
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["=x", "a b c", "a in (x", "owner is (me)"] {
            let query = BTreeMap::from([("labelSelector".to_owned(), text.to_owned())]);
            assert!(Selector::read(Resource::Pods, &query).is_err(), "{text}");
        }
    }
}
