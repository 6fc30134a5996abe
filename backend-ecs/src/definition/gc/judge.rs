//! Which definitions may go.

use std::time::Duration;

use serde_json::Value;

use super::super::marks::{BASE, Day, USED, value};

/// A definition as DescribeTaskDefinition shows it, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) arn: String,
    pub(super) status: Status,
    /// The day of the last use, if it is derived from the base that was asked for.
    pub(super) used: Option<Day>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Active,
    Inactive,
    /// ECS deletes it already, or it is something unknown.
    Other,
}

impl Seen {
    /// Reads an answer; `base` is the family of the base.
    pub(super) fn read(answer: &Value, base: &str) -> Self {
        let (definition, tags) = (&answer["taskDefinition"], &answer["tags"]);
        let ours = value(tags, BASE) == Some(base);
        Self {
            arn: definition["taskDefinitionArn"].as_str().unwrap_or_default().to_owned(),
            status: match definition["status"].as_str() {
                Some("ACTIVE") => Status::Active,
                Some("INACTIVE") => Status::Inactive,
                _ => Status::Other,
            },
            used: if ours { last_use(definition, tags) } else { None },
        }
    }
}

/// The tag, or where it says nothing the registration.
fn last_use(definition: &Value, tags: &Value) -> Option<Day> {
    value(tags, USED).and_then(Day::read).or_else(|| {
        let since = Duration::try_from_secs_f64(definition["registeredAt"].as_f64()?).ok()?;
        Some(Day::of(i64::try_from(since.as_secs()).ok()?))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn seen(tags: &Value) -> Seen {
        let definition = json!({
            "taskDefinitionArn": "arn:x:1", "status": "ACTIVE", "registeredAt": 86_400.5,
        });
        Seen::read(&json!({"taskDefinition": definition, "tags": tags}), "base")
    }

    #[test]
    fn only_what_is_marked_with_this_base_is_ours() {
        let used = json!({"key": "fargate:used", "value": "1970-01-03"});
        let base = |name: &str| json!({"key": "fargate:base", "value": name});
        let day = |text| Day::read(text);
        assert_eq!(seen(&json!([base("base"), used])).used, day("1970-01-03"));
        assert_eq!(seen(&json!([base("base")])).used, day("1970-01-02"), "the registration");
        let broken = json!([base("base"), {"key": "fargate:used", "value": "now"}]);
        assert_eq!(seen(&broken).used, day("1970-01-02"));
        for others in [json!([]), json!([used]), json!([base("other"), used]), Value::Null] {
            assert_eq!(seen(&others).used, None, "{others}");
        }
    }
}
