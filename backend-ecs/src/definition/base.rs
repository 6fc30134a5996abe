//! The definition that others are derived from.

use std::fmt;

use fargate_core::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::marks::is_mark;
use crate::error::DESCRIBE_DEFINITION;

/// What DescribeTaskDefinition shows and RegisterTaskDefinition does not take: what
/// `TaskDefinition` has over the request parameters of RegisterTaskDefinition in the API
/// reference. Whatever else there is, known or not, is passed on.
const OUTPUT_ONLY: [&str; 9] = [
    "taskDefinitionArn",
    "revision",
    "status",
    "requiresAttributes",
    "compatibilities",
    "registeredAt",
    "registeredBy",
    "deregisteredAt",
    "deleteRequestedAt",
];

/// A task definition as RegisterTaskDefinition takes it, with the tags it was found with.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Base {
    pub(crate) arn: String,
    pub(crate) definition: Map<String, Value>,
    pub(crate) tags: Vec<Value>,
}

/// Its text may hold secrets.
impl fmt::Debug for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Base").field("arn", &self.arn).finish_non_exhaustive()
    }
}

impl Base {
    /// Reads the answer of DescribeTaskDefinition.
    pub(crate) fn read(mut answer: Value) -> Result<Self> {
        let Value::Object(mut definition) = answer["taskDefinition"].take() else {
            return Err(Error::new(
                ErrorKind::Unexpected,
                DESCRIBE_DEFINITION.op,
                "ECS answered without a task definition",
            ));
        };
        let arn = definition.get("taskDefinitionArn").and_then(Value::as_str).unwrap_or_default();
        let arn = arn.to_owned();
        definition.retain(|name, value| !OUTPUT_ONLY.contains(&name.as_str()) && !value.is_null());
        let tags = match answer["tags"].take() {
            // Tags of AWS's own cannot be given: API reference, Tag. The marks of a base that is
            // derived itself are not the base's: one of them changes daily.
            Value::Array(tags) => {
                tags.into_iter().filter(|tag| !is_awss(tag) && !is_mark(tag)).collect()
            }
            _ => Vec::new(),
        };
        Ok(Self { arn, definition, tags })
    }
}

fn is_awss(tag: &Value) -> bool {
    tag["key"].as_str().is_none_or(|key| key.to_ascii_lowercase().starts_with("aws:"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_register_does_not_take_is_left_out() {
        let base = Base::read(json!({
            "taskDefinition": {
                "taskDefinitionArn": "arn:base:7", "revision": 7, "status": "ACTIVE",
                "requiresAttributes": [{"name": "x"}], "compatibilities": ["FARGATE"],
                "registeredAt": 1.5, "registeredBy": "arn:me", "deregisteredAt": 2.5,
                "deleteRequestedAt": 3.5, "pidMode": null,
                "family": "base", "brandNew": {"a": [1]}, "taskRoleArn": "arn:role",
            },
            "tags": [{"key": "team", "value": "ci"}, {"key": "aws:cloudformation:x", "value": "y"}],
        }))
        .unwrap();
        let wanted = json!({"family": "base", "brandNew": {"a": [1]}, "taskRoleArn": "arn:role"});
        assert_eq!(Value::from(base.definition.clone()), wanted);
        assert_eq!(base.tags, [json!({"key": "team", "value": "ci"})]);
        assert_eq!(base.arn, "arn:base:7");
    }

    #[test]
    fn an_answer_without_a_definition_is_an_error() {
        assert_eq!(Base::read(json!({})).unwrap_err().kind(), ErrorKind::Unexpected);
    }
}
