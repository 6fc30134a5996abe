//! Which pods a Fargate profile takes.
//!
//! Source: "Define which Pods use AWS Fargate when launched" in the EKS user guide.

use std::collections::BTreeMap;
use std::fmt;

use aws_sdk_eks::types::FargateProfile;
use serde_json::Value;

/// The label by which a pod names its profile.
const NAMED: &str = "eks.amazonaws.com/fargate-profile";

/// What a profile looks at in a pod.
#[derive(Debug)]
pub(super) struct Wanted<'a> {
    namespace: &'a str,
    labels: BTreeMap<&'a str, &'a str>,
}

impl<'a> Wanted<'a> {
    /// `None` for a pod that is meant for other nodes.
    pub(super) fn of(pod: &'a Value) -> Option<Self> {
        let spec = &pod["spec"];
        let scheduler = spec["schedulerName"].as_str().unwrap_or("fargate-scheduler");
        let selects = spec["nodeSelector"].as_object().is_some_and(|labels| !labels.is_empty());
        if selects || spec["nodeName"].is_string() || scheduler != "fargate-scheduler" {
            return None;
        }
        let labels = pod["metadata"]["labels"].as_object().into_iter().flatten();
        Some(Self {
            namespace: pod["metadata"]["namespace"].as_str()?,
            labels: labels
                .filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)))
                .collect(),
        })
    }
}

impl fmt::Display for Wanted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show(f, self.namespace, self.labels.iter().map(|(name, value)| (*name, *value)))
    }
}

/// A Fargate profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Profile {
    name: String,
    status: String,
    selectors: Vec<Selector>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Selector {
    namespace: String,
    labels: BTreeMap<String, String>,
}

impl Profile {
    pub(super) fn of(described: &FargateProfile) -> Self {
        let selectors = described.selectors().iter().map(|one| Selector {
            namespace: one.namespace().unwrap_or_default().to_owned(),
            labels: one
                .labels()
                .into_iter()
                .flatten()
                .map(|(k, v)| (k.clone(), v.clone()))
                .collect(),
        });
        Self {
            name: described.fargate_profile_name().unwrap_or_default().to_owned(),
            status: described.status().map_or("UNKNOWN", |status| status.as_str()).to_owned(),
            selectors: selectors.collect(),
        }
    }

    /// Whether the profile takes such a pod now.
    pub(super) fn takes(&self, wanted: &Wanted<'_>) -> bool {
        self.status == "ACTIVE"
            && wanted.labels.get(NAMED).is_none_or(|name| *name == self.name)
            && self.selectors.iter().any(|selector| selector.picks(wanted))
    }

    #[cfg(test)]
    pub(super) fn new(name: &str, status: &str, selectors: &[(&str, &[(&str, &str)])]) -> Self {
        let text = |text: &str| text.to_owned();
        let selectors = selectors.iter().map(|(namespace, labels)| Selector {
            namespace: text(namespace),
            labels: labels.iter().map(|(name, value)| (text(name), text(value))).collect(),
        });
        Self { name: text(name), status: text(status), selectors: selectors.collect() }
    }
}

impl Selector {
    fn picks(&self, wanted: &Wanted<'_>) -> bool {
        fits(&self.namespace, wanted.namespace)
            && self.labels.iter().all(|(name, value)| {
                wanted.labels.iter().any(|(has, with)| fits(name, has) && fits(value, with))
            })
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): ", self.name, self.status)?;
        for (index, selector) in self.selectors.iter().enumerate() {
            if index > 0 {
                f.write_str(", or ")?;
            }
            let labels = selector.labels.iter();
            let labels = labels.map(|(name, value)| (name.as_str(), value.as_str()));
            show(f, &selector.namespace, labels)?;
        }
        Ok(())
    }
}

fn show<'a>(
    f: &mut fmt::Formatter<'_>,
    namespace: &str,
    labels: impl Iterator<Item = (&'a str, &'a str)>,
) -> fmt::Result {
    write!(f, "namespace {namespace}")?;
    let mut before = " with the labels ";
    for (name, value) in labels {
        write!(f, "{before}{name}={value}")?;
        before = ", ";
    }
    Ok(())
}

/// Whether `text` is what `pattern` says: `*` stands for any characters, `?` for one.
fn fits(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut in_text) = (0, 0);
    // Where the last `*` is, and how far it reaches so far.
    let mut star: Option<(usize, usize)> = None;
    while in_text < text.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, in_text));
                at += 1;
            }
            Some(wanted) if *wanted == '?' || *wanted == text[in_text] => {
                at += 1;
                in_text += 1;
            }
            _ => {
                let Some((place, reach)) = star else { return false };
                star = Some((place, reach + 1));
                at = place + 1;
                in_text = reach + 1;
            }
        }
    }
    pattern[at..].iter().all(|rest| *rest == '*')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn patterns_stand_for_any_characters_and_for_one() {
        for (pattern, text) in [
            ("ci", "ci"),
            ("ci-*", "ci-x"),
            ("ci-*", "ci-"),
            ("*", ""),
            ("a?c*", "abcd"),
            ("*a*b", "xaxbxb"),
            ("**", "x"),
        ] {
            assert!(fits(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in
            [("ci", "ci2"), ("ci-*", "ci"), ("?", ""), ("*b", "abc"), ("", "x"), ("a*b", "ac")]
        {
            assert!(!fits(pattern, text), "{pattern} {text}");
        }
        // A pattern that a backtracking match would take for ever with.
        assert!(!fits(&"*a".repeat(30), &"a".repeat(29)));
    }

    #[test]
    fn a_profile_takes_what_one_of_its_selectors_picks() {
        let pod = |labels: Value| json!({"metadata": {"namespace": "jobs", "labels": labels}});
        let takes = |profile: &Profile, labels: Value| {
            profile.takes(&Wanted::of(&pod(labels)).expect("for Fargate"))
        };
        let team = ("jobs", [("team", "a?")]);
        let profile = Profile::new("ci", "ACTIVE", &[("other", &[]), (team.0, &team.1)]);
        assert!(takes(&profile, json!({"team": "ab", "more": "x"})));
        assert!(!takes(&profile, json!({"team": "abc"})));
        assert!(!takes(&profile, json!({})));
        assert!(takes(&profile, json!({"team": "ab", NAMED: "ci"})));
        assert!(!takes(&profile, json!({"team": "ab", NAMED: "another"})));
        for status in ["CREATING", "DELETING", "CREATE_FAILED"] {
            let profile = Profile::new("ci", status, &[("jobs", &[])]);
            assert!(!takes(&profile, json!({})), "{status}");
        }
    }

    #[test]
    fn a_pod_for_other_nodes_needs_no_profile() {
        for spec in [
            json!({"nodeSelector": {"pool": "ci"}}),
            json!({"schedulerName": "default-scheduler"}),
            json!({"nodeName": "node-1"}),
        ] {
            let pod = json!({"metadata": {"namespace": "jobs"}, "spec": spec});
            assert!(Wanted::of(&pod).is_none(), "{pod}");
        }
        let pod = json!({"metadata": {"namespace": "jobs"}, "spec": {"nodeSelector": {}}});
        assert!(Wanted::of(&pod).is_some());
    }
}
