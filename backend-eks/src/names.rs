//! Names, labels and annotations: the ledger, the operator's and the caller's.
//!
//! Rules: "Object Names and IDs" and "Labels and Selectors" in the Kubernetes documentation.

use std::collections::BTreeMap;

use fargate_core::{TaskKey, TaskSpec};
use k8s_openapi::api::core::v1::Pod;
use sha2::{Digest, Sha256};

/// The owner: as a label, to select by; in full as an annotation of the same name.
pub(crate) const OWNER: &str = "fargate-driver/owner";
/// The launch key, likewise.
pub(crate) const KEY: &str = "fargate-driver/key";
/// Kubernetes' recommended label for the tool that made an object.
const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// Its value, and the name changes to objects are recorded under.
pub(crate) const MANAGER: &str = "fargate-driver";

const MAX: usize = 63;

/// The name of the pod of a key, and of whatever else is kept for it.
///
/// A key has at most 52 characters of a DNS label, so the name needs no hash.
pub(crate) fn object_name(key: &TaskKey) -> String {
    format!("ci-{key}")
}

/// Labels and annotations of a pod.
pub(crate) struct Marks {
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) annotations: BTreeMap<String, String>,
}

/// The marks of a pod for `spec`. A label of the caller's never replaces the ledger's or one of
/// the operator's; where Kubernetes would refuse it, the full text is in an annotation.
pub(crate) fn marks(
    spec: &TaskSpec,
    labels: &BTreeMap<String, String>,
    annotations: &BTreeMap<String, String>,
) -> Marks {
    let mut marks = Marks { labels: BTreeMap::new(), annotations: BTreeMap::new() };
    for (name, value) in &spec.labels {
        let label = label_name(name);
        if label.is_empty() {
            continue;
        }
        let short = cleaned(value, '_');
        if short != *value {
            marks.annotations.insert(label.clone(), value.clone());
        }
        marks.labels.insert(label, short);
    }
    marks.labels.extend(labels.clone());
    marks.annotations.extend(annotations.clone());
    marks.labels.insert(MANAGED_BY.to_owned(), MANAGER.to_owned());
    for (name, value) in [(OWNER, spec.owner.as_str()), (KEY, spec.key.as_str())] {
        marks.labels.insert(name.to_owned(), label_value(value));
        marks.annotations.insert(name.to_owned(), value.to_owned());
    }
    marks
}

/// The selector of an owner's pods.
pub(crate) fn owned_by(owner: &str) -> String {
    format!("{OWNER}={}", label_value(owner))
}

/// What the ledger says under `name`, in full.
pub(crate) fn noted<'a>(pod: &'a Pod, name: &str) -> Option<&'a str> {
    pod.metadata.annotations.as_ref()?.get(name).map(String::as_str)
}

/// `text` as a label value: itself where Kubernetes takes it, else its hash.
fn label_value(text: &str) -> String {
    if is_label_value(text) {
        return text.to_owned();
    }
    let digest = Sha256::digest(text);
    let hex: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("sha256-{hex}")
}

/// A name made by other rules, such as `gitlab:job-id`, as one that Kubernetes takes.
fn label_name(text: &str) -> String {
    if is_label_name(text) { text.to_owned() } else { cleaned(text, '-') }
}

/// `text` with `other` for what may not be in a label, cut to its length.
fn cleaned(text: &str, other: char) -> String {
    let good = |char: char| char.is_ascii_alphanumeric() || "-_.".contains(char);
    let text: String =
        text.chars().take(MAX).map(|char| if good(char) { char } else { other }).collect();
    text.trim_matches(|char: char| !char.is_ascii_alphanumeric()).to_owned()
}

/// Whether `text` can be the name of a namespace or pod.
pub(crate) fn is_dns_label(text: &str) -> bool {
    (1..=MAX).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// Whether `text` can be a host name: labels with dots in between.
pub(crate) fn is_dns_name(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_dns_label)
}

/// Whether `text` can be a label's value.
pub(crate) fn is_label_value(text: &str) -> bool {
    text.is_empty() || is_name_part(text)
}

/// Whether `text` can be the name of a label or annotation, with or without prefix.
pub(crate) fn is_label_name(text: &str) -> bool {
    match text.split_once('/') {
        None => is_name_part(text),
        Some((prefix, name)) => is_dns_name(prefix) && is_name_part(name),
    }
}

fn is_name_part(text: &str) -> bool {
    let bytes = text.as_bytes();
    text.len() <= MAX
        && bytes.first().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.last().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> TaskSpec {
        TaskSpec::new(TaskKey::new("k").unwrap(), TaskKey::new("o").unwrap(), "ssh-ed25519 A")
    }

    #[test]
    fn the_longest_key_is_a_name_that_kubernetes_takes() {
        let key = TaskKey::new("k".repeat(52)).unwrap();
        assert!(is_dns_label(&object_name(&key)));
        assert_eq!(object_name(&TaskKey::new("7").unwrap()), "ci-7");
    }

    #[test]
    fn labels_replace_neither_the_ledger_nor_the_operators() {
        let spec = spec().label(KEY, "forged").label("team", "theirs").label("ref", "main");
        let ours = BTreeMap::from([("team".to_owned(), "ours".to_owned())]);
        let marks = marks(&spec, &ours, &BTreeMap::new());
        assert_eq!(marks.labels[KEY], "k");
        assert_eq!(marks.annotations[OWNER], "o");
        assert_eq!(marks.labels["team"], "ours");
        assert_eq!(marks.labels["ref"], "main");
        assert_eq!(marks.labels[MANAGED_BY], MANAGER);
    }

    #[test]
    fn what_kubernetes_refuses_is_a_label_in_part_and_an_annotation_in_full() {
        let long = "x".repeat(100);
        let spec = spec()
            .label("gitlab:job-id", "7")
            .label("url", "https://gitlab.example/a?b")
            .label("long", &long)
            .label("***", "nothing left");
        let marks = marks(&spec, &BTreeMap::new(), &BTreeMap::new());
        assert_eq!(marks.labels["gitlab-job-id"], "7");
        assert_eq!(marks.labels["url"], "https___gitlab.example_a_b");
        assert_eq!(marks.annotations["url"], "https://gitlab.example/a?b");
        assert_eq!(marks.labels["long"].len(), 63);
        assert_eq!(marks.annotations["long"], long);
        assert!(
            marks.labels.iter().all(|(name, value)| is_label_name(name) && is_label_value(value))
        );
        assert!(!marks.labels.contains_key(""));
    }

    #[test]
    fn an_owner_that_is_no_label_is_selected_by_its_hash() {
        assert_eq!(owned_by("job-1"), "fargate-driver/owner=job-1");
        for owner in ["a b", "x=y,z", &"o".repeat(64), "-"] {
            let selector = owned_by(owner);
            let value = selector.strip_prefix("fargate-driver/owner=").unwrap();
            assert!(is_label_value(value) && value.starts_with("sha256-"), "{owner}: {value}");
        }
    }

    #[test]
    fn names_follow_the_rules() {
        for good in ["a", "example.com/team", "app.kubernetes.io/name", "A_b.c-1"] {
            assert!(is_label_name(good), "{good}");
        }
        for bad in ["", "/a", "a/", "a/b/c", "Example.com/x", "-a", "a b", "x..y/z"] {
            assert!(!is_label_name(bad), "{bad}");
        }
    }
}
