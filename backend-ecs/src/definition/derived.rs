//! A derived definition under the name of its content.

use std::fmt;

use fargate_core::{Error, ErrorKind, Result, TaskNeeds};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::Base;
use super::canonical::canonical;
use super::marks::marks;
use super::overlay::overlay;
use crate::config::EcsConfig;
use crate::tags::MAX_TAGS;

/// Longest name of a family, of letters, digits, `-` and `_`: API reference,
/// RegisterTaskDefinition. All of it is ASCII.
const MAX_FAMILY: usize = 255;
/// Hexadecimal digits of the hash in a family's name.
const DIGITS: usize = 16;
/// Longest definition, in bytes: "Amazon ECS service quotas" in the developer guide.
const MAX_SIZE: usize = 64 * 1024;

/// What RegisterTaskDefinition is to be asked for.
#[derive(Clone, PartialEq)]
pub(super) struct Derived {
    pub(super) family: String,
    /// The family of its base.
    base: String,
    definition: Map<String, Value>,
    /// Its base's.
    tags: Vec<Value>,
}

/// Its text may hold secrets.
impl fmt::Debug for Derived {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Derived").field("family", &self.family).finish_non_exhaustive()
    }
}

impl Derived {
    /// Derives from `base` what runs the images that are needed.
    ///
    /// The same content has the same family, whoever derives it, and other content another:
    /// whatever is registered under a family stays right for ever.
    pub(super) fn new(base: &Base, config: &EcsConfig, needs: &TaskNeeds) -> Result<Self> {
        let Some(agent) = &config.agent else {
            return Err(Error::new(
                ErrorKind::Unexpected,
                "derive task definition",
                "no agent is set up",
            ));
        };
        let mut definition = overlay(base, &config.container, agent, needs)?;
        let family = family(&definition, &base.tags);
        definition.insert("family".to_owned(), family.as_str().into());
        let own = family_of(&base.definition).to_owned();
        let derived = Self { family, base: own, definition, tags: base.tags.clone() };
        let size = derived.input(true).to_string().len();
        if size > MAX_SIZE {
            return Err(Error::new(
                ErrorKind::InvalidConfig,
                "derive task definition",
                format!("with the agent it would have {size} bytes; ECS takes {MAX_SIZE}"),
            )
            .with("task definition", &base.arn)
            .hint("shorten the task definition, its environment above all"));
        }
        Ok(derived)
    }

    /// The body of RegisterTaskDefinition, tagged with the base's tags and, where there is room
    /// for them, the marks that `fargate gc` goes by.
    pub(super) fn input(&self, tagged: bool) -> Value {
        let mut input = self.definition.clone();
        if tagged {
            let mut tags = self.tags.clone();
            let marks = marks(&self.base);
            if tags.len() + marks.len() <= MAX_TAGS {
                tags.extend(marks);
            }
            input.insert("tags".to_owned(), tags.into());
        }
        input.into()
    }

    /// Whether its base has tags.
    pub(super) fn has_tags(&self) -> bool {
        !self.tags.is_empty()
    }

    /// Whether `found`, a definition as ECS shows it, runs the same images in the same way.
    ///
    /// A family says so by its name, but anybody who may register can use any name. The rest is
    /// not compared: ECS fills in defaults.
    pub(super) fn is(&self, found: &Value) -> bool {
        let ours = self.definition.get("containerDefinitions").unwrap_or(&Value::Null);
        runs(ours) == runs(&found["containerDefinitions"])
    }
}

/// What containers run, whatever their order.
fn runs(containers: &Value) -> String {
    let of = |one: &Value| {
        json!({
            "name": one["name"], "image": one["image"],
            "entryPoint": one["entryPoint"], "command": one["command"],
        })
    };
    let all: Vec<Value> = containers.as_array().into_iter().flatten().map(of).collect();
    canonical(&all.into())
}

/// The name of the family of `definition`, whose own is still that of its base. The marks are not
/// part of it: they change.
fn family(definition: &Map<String, Value>, tags: &[Value]) -> String {
    let content = canonical(&json!({"definition": definition, "tags": tags}));
    let digest = Sha256::digest(content);
    let hash: String = digest.iter().take(DIGITS / 2).map(|byte| format!("{byte:02x}")).collect();
    prefix(family_of(definition)) + &hash
}

fn family_of(definition: &Map<String, Value>) -> &str {
    definition.get("family").and_then(Value::as_str).unwrap_or_default()
}

/// What the names of all families begin with that are derived from the family `base`.
pub(super) fn prefix(base: &str) -> String {
    let start: String = base.chars().take(MAX_FAMILY - DIGITS - 1).collect();
    start + "-"
}

/// Whether `family` is named as one that is derived from the family `base`.
pub(super) fn is_derived(family: &str, base: &str) -> bool {
    let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    let hash = family.strip_prefix(&prefix(base));
    hash.is_some_and(|hash| hash.len() == DIGITS && hash.bytes().all(digit))
}

#[cfg(test)]
mod tests {
    use fargate_core::{AgentSetup, TaskImage};

    use super::*;

    fn base(change: impl FnOnce(&mut Value)) -> Base {
        let mut definition = json!({
            "taskDefinitionArn": "arn:aws:ecs:r:1:task-definition/base:7",
            "family": "base", "networkMode": "awsvpc", "cpu": "256", "memory": "512",
            "containerDefinitions": [{
                "name": "ci-coordinator", "image": "registry.example.com/ci:1",
                "environment": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
            }],
        });
        change(&mut definition);
        Base::read(json!({"taskDefinition": definition, "tags": []})).unwrap()
    }

    fn config() -> EcsConfig {
        let mut config = EcsConfig::new("ci", "base:7");
        config.agent = Some(AgentSetup::new("registry.example.com/agent:1"));
        config
    }

    fn derived(base: &Base, image: &str) -> Result<Derived> {
        let mut needs = TaskNeeds::default();
        needs.image = Some(TaskImage::new(image));
        Derived::new(base, &config(), &needs)
    }

    #[test]
    fn a_family_is_named_after_its_base_and_its_content() {
        let one = derived(&base(|_| {}), "alpine:3").unwrap();
        // Fixed for good: another name would register everything anew.
        assert_eq!(one.family, "base-0318f968fa32523c");
        assert_eq!(one.input(true)["family"], "base-0318f968fa32523c");
        let other = derived(&base(|_| {}), "alpine:4").unwrap();
        assert_ne!(one.family, other.family);
    }

    #[test]
    fn every_way_to_write_a_base_has_one_family_and_every_other_base_another() {
        let plain = derived(&base(|_| {}), "alpine:3").unwrap().family;
        let same: [fn(&mut Value); 3] = [
            |d| d["revision"] = 8.into(),
            |d| d["containerDefinitions"][0]["mountPoints"] = json!([]),
            |d| d["containerDefinitions"][0]["environment"].as_array_mut().unwrap().reverse(),
        ];
        for change in same {
            assert_eq!(derived(&base(change), "alpine:3").unwrap().family, plain);
        }
        let other: [fn(&mut Value); 3] = [
            |d| d["memory"] = "1024".into(),
            |d| d["brandNew"] = true.into(),
            |d| d["containerDefinitions"][0]["environment"][0]["value"] = "3".into(),
        ];
        for change in other {
            assert_ne!(derived(&base(change), "alpine:3").unwrap().family, plain);
        }
        let mut tagged = base(|_| {});
        tagged.tags.push(json!({"key": "team", "value": "ci"}));
        let tagged = derived(&tagged, "alpine:3").unwrap();
        assert_ne!(tagged.family, plain);
        assert_eq!(tagged.input(true)["tags"][0]["key"], "team");
        assert_eq!(tagged.input(false).get("tags"), None);
    }

    #[test]
    fn marks_are_beside_the_bases_tags_and_change_no_family() {
        let plain = derived(&base(|_| {}), "alpine:3").unwrap();
        let tags = plain.input(true)["tags"].clone();
        assert_eq!(tags[0], json!({"key": "fargate:base", "value": "base"}));
        assert_eq!(tags[1]["key"], "fargate:used");
        let mut full = base(|_| {});
        full.tags = (0..49).map(|n| json!({"key": format!("k{n}"), "value": ""})).collect();
        let full = derived(&full, "alpine:3").unwrap();
        assert_eq!(full.input(true)["tags"].as_array().unwrap().len(), 49, "ECS takes 50");

        let marked = Base::read(json!({
            "taskDefinition": base(|_| {}).definition, "tags": tags,
        }));
        let again = derived(&marked.unwrap(), "alpine:3").unwrap();
        assert_eq!(again.family, plain.family, "a base that is derived itself");
    }

    #[test]
    fn only_a_base_and_a_hash_are_a_derived_name() {
        let one = derived(&base(|_| {}), "alpine:3").unwrap().family;
        assert!(is_derived(&one, "base") && !is_derived(&one, "bas") && !is_derived(&one, "other"));
        for other in ["base", "base-", "base-c165b1ee8076e00", "base-c165b1ee8076e008-x"] {
            assert!(!is_derived(other, "base"), "{other}");
        }
        assert!(!is_derived("base-web-c165b1ee8076e008", "base"), "of the base base-web");
        assert!(!is_derived("base-C165B1EE8076E008", "base"));
    }

    #[test]
    fn a_long_family_is_shortened_to_what_ecs_takes() {
        let long = derived(&base(|d| d["family"] = "f".repeat(255).into()), "alpine:3").unwrap();
        assert_eq!(long.family.len(), 255);
        assert!(long.family.starts_with(&format!("{}-", "f".repeat(238))), "{}", long.family);
        let letters = |char: char| char.is_ascii_alphanumeric() || "-_".contains(char);
        assert!(long.family.chars().all(letters));
    }

    #[test]
    fn a_definition_that_is_too_long_is_refused_before_ecs_is_asked() {
        let with = |length: usize| {
            let base = base(|d| {
                d["containerDefinitions"][0]["environment"][0]["value"] = "x".repeat(length).into();
            });
            derived(&base, "alpine:3")
        };
        let short = with(1).unwrap().input(true).to_string().len();
        assert!(with(MAX_SIZE - short + 1).is_ok());
        let error = with(MAX_SIZE - short + 2).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
        assert!(error.message().contains("65537 bytes"), "{error}");
        assert!(error.context_value("task definition").unwrap().ends_with("/base:7"));
    }

    #[test]
    fn a_definition_that_runs_something_else_is_not_ours() {
        let ours = derived(&base(|_| {}), "alpine:3").unwrap();
        let mut found = ours.input(true);
        found["containerDefinitions"].as_array_mut().unwrap().reverse();
        found["containerDefinitions"][0]["cpu"] = 0.into();
        assert!(ours.is(&found));
        for field in ["image", "command", "entryPoint"] {
            let mut forged = found.clone();
            forged["containerDefinitions"][1][field] = json!(["other"]);
            assert!(!ours.is(&forged), "{field}");
        }
        assert!(!ours.is(&json!({})));
    }
}
