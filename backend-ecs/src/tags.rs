//! Tags: the ledger, the operator's and the caller's.

use std::collections::BTreeMap;

use aws_sdk_ecs::types::{Tag, Task};
use fargate_aws_access::denied_action;
use fargate_core::{Error, ErrorKind, TaskSpec};

/// The launch key.
pub(crate) const KEY: &str = "fargate:key";
/// The owner.
pub(crate) const OWNER: &str = "fargate:owner";

/// Limits of ECS: <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Tag.html>.
pub(crate) const MAX_TAGS: usize = 50;
const MAX_NAME: usize = 128;
const MAX_VALUE: usize = 256;

/// The tags of a task. A label never replaces the ledger's or the operator's tag of that name,
/// and is the first to go when there are too many.
pub(crate) fn tags_of(spec: &TaskSpec, configured: &BTreeMap<String, String>) -> Vec<Tag> {
    let ledger = [(KEY, spec.key.as_str()), (OWNER, spec.owner.as_str())];
    let pairs = ledger
        .into_iter()
        .chain(configured.iter().map(|(name, value)| (name.as_str(), value.as_str())))
        .chain(spec.labels.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    let mut names = Vec::new();
    let mut tags = Vec::new();
    for (name, value) in pairs {
        let mut name = allowed(name, MAX_NAME);
        if name.to_ascii_lowercase().starts_with("aws:") {
            name.replace_range(3..4, "-");
        }
        if name.is_empty() || names.contains(&name) || tags.len() == MAX_TAGS {
            continue;
        }
        tags.push(Tag::builder().key(&name).value(allowed(value, MAX_VALUE)).build());
        names.push(name);
    }
    tags
}

/// Cuts `text` to `max` characters and replaces those AWS refuses.
fn allowed(text: &str, max: usize) -> String {
    text.chars()
        .take(max)
        .map(|c| if c.is_alphanumeric() || " +-=._:/@".contains(c) { c } else { '_' })
        .collect()
}

/// The launch key of a task, if its ledger is readable.
pub(crate) fn key_of(task: &Task) -> Option<&str> {
    task.tags().iter().find(|tag| tag.key() == Some(KEY)).and_then(Tag::value)
}

/// Whether AWS refused the tags and not the task.
pub(crate) fn refused(error: &Error) -> bool {
    match error.kind() {
        ErrorKind::PermissionDenied => denied_action(error.message()) == Some("ecs:TagResource"),
        // "Long arn format must be enabled for tagging."
        ErrorKind::InvalidConfig => {
            let text = error.message().to_ascii_lowercase();
            text.contains("arn format") && text.contains("tagging")
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use fargate_core::TaskKey;

    use super::*;

    fn spec() -> TaskSpec {
        TaskSpec::new(TaskKey::new("k").unwrap(), TaskKey::new("o").unwrap(), "ssh-ed25519 A")
    }

    fn get<'a>(tags: &'a [Tag], name: &str) -> Option<&'a str> {
        tags.iter().find(|tag| tag.key() == Some(name)).and_then(Tag::value)
    }

    #[test]
    fn labels_replace_neither_the_ledger_nor_the_operators_tags() {
        let spec = spec().label(KEY, "forged").label("team", "theirs").label("ref", "main");
        let configured = BTreeMap::from([("team".to_owned(), "ours".to_owned())]);
        let tags = tags_of(&spec, &configured);
        assert_eq!(get(&tags, KEY), Some("k"));
        assert_eq!(get(&tags, OWNER), Some("o"));
        assert_eq!(get(&tags, "team"), Some("ours"));
        assert_eq!(get(&tags, "ref"), Some("main"));
        assert_eq!(tags.len(), 4);
    }

    #[test]
    fn what_aws_refuses_is_cut_or_replaced() {
        let mut spec =
            spec().label("aws:x", "1").label("a\nb", "c\"d").label("long", "é".repeat(300));
        for n in 0..100 {
            spec = spec.label(format!("n{n}"), "v");
        }
        let tags = tags_of(&spec, &BTreeMap::new());
        assert_eq!(tags.len(), MAX_TAGS);
        assert_eq!(get(&tags, "aws-x"), Some("1"));
        assert_eq!(get(&tags, "a_b"), Some("c_d"));
        assert_eq!(get(&tags, "long").map(|value| value.chars().count()), Some(MAX_VALUE));
    }
}
