//! What the operator lets the jobs of some projects choose: `[[Policy.Rules]]`.

use std::collections::BTreeMap;
use std::fmt;

use toml_edit::TableLike;

use super::keys::Kind;
use super::read::{fields, optional_flag, optional_texts, read, required_text};
use super::value::Value;

/// One rule. The first whose conditions all hold decides what it says.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// How people call it.
    pub name: String,
    /// Patterns of the project's full path; `None` takes every project.
    pub projects: Option<Vec<String>>,
    /// Patterns of the branch or tag; `None` takes every one.
    pub refs: Option<Vec<String>>,
    /// Whether the branch or tag is protected; `None` takes both.
    pub protected: Option<bool>,
    /// What it says, by the names of the keys that say it for every job.
    pub says: BTreeMap<&'static str, Value>,
}

/// A secret to pull images with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryCredential {
    /// A pattern of images' names.
    pub images: String,
    /// ARN or name of the secret.
    pub secret: String,
}

/// The words of `AllowedCapacity`.
pub(super) const CAPACITIES: &[&str] = &["spot", "on-demand"];

/// What a rule can say, by the names of the keys that say it for every job.
const SAYS: [(&str, Kind); 7] = [
    ("AllowedImages", Kind::Texts),
    ("AllowedServices", Kind::Texts),
    ("MaxCPU", Kind::TextOrNumber),
    ("MaxMemory", Kind::TextOrNumber),
    ("MaxEphemeralStorageGiB", Kind::Number(21, 200)),
    ("AllowedTaskRoles", Kind::Texts),
    ("AllowedCapacity", Kind::Words(CAPACITIES)),
];

impl Rule {
    /// Whether it has a condition.
    #[must_use]
    pub fn is_conditional(&self) -> bool {
        self.projects.is_some() || self.refs.is_some() || self.protected.is_some()
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{ Name = {:?}", self.name)?;
        if let Some(projects) = &self.projects {
            write!(f, ", Projects = {projects:?}")?;
        }
        if let Some(refs) = &self.refs {
            write!(f, ", Refs = {refs:?}")?;
        }
        if let Some(protected) = self.protected {
            write!(f, ", Protected = {protected}")?;
        }
        for (name, value) in &self.says {
            write!(f, ", {name} = {value}")?;
        }
        f.write_str(" }")
    }
}

impl fmt::Display for RegistryCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{ Images = {:?}, Secret = {:?} }}", self.images, self.secret)
    }
}

pub(super) fn rule(table: &dyn TableLike) -> Result<Rule, String> {
    const CONDITIONS: [&str; 4] = ["Name", "Projects", "Refs", "Protected"];
    let names: Vec<_> = CONDITIONS.into_iter().chain(SAYS.map(|(name, _)| name)).collect();
    let fields = fields(table, &names)?;
    let mut says = BTreeMap::new();
    for (name, kind) in SAYS {
        let Some(item) = fields.get(name) else { continue };
        let value =
            read(kind, item).map_err(|expected| format!("a list whose {name} is {expected}"))?;
        says.extend(value.map(|value| (name, value)));
    }
    Ok(Rule {
        name: required_text(&fields, "Name")?,
        projects: optional_texts(&fields, "Projects")?,
        refs: optional_texts(&fields, "Refs")?,
        protected: optional_flag(&fields, "Protected")?,
        says,
    })
}

pub(super) fn credential(table: &dyn TableLike) -> Result<RegistryCredential, String> {
    let fields = fields(table, &["Images", "Secret"])?;
    Ok(RegistryCredential {
        images: required_text(&fields, "Images")?,
        secret: required_text(&fields, "Secret")?,
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::config::{keys, load_text};

    const RULES: &str = "[[Policy.Rules]]\nName = \"trusted\"\nProjects = [\"infra/**\"]\n\
                         Protected = true\nallowedimages = [\"**\"]\nMaxCPU = 4096\n\
                         [[Policy.Rules]]\nName = \"rest\"\nAllowedCapacity = [\"Spot\"]\n";

    #[test]
    fn rules_are_read_in_their_order_and_shown_as_they_mean() {
        let settings = load_text(RULES, Path::new("c.toml")).unwrap().settings;
        let rules = settings.rules(keys::POLICY_RULES);
        assert_eq!(
            rules[0].to_string(),
            "{ Name = \"trusted\", Projects = [\"infra/**\"], Protected = true, \
             AllowedImages = [\"**\"], MaxCPU = \"4096\" }"
        );
        assert_eq!(rules[1].to_string(), "{ Name = \"rest\", AllowedCapacity = [\"spot\"] }");
        assert!(rules[0].is_conditional() && !rules[1].is_conditional());
    }

    #[test]
    fn a_mistake_in_a_rule_is_named() {
        for (text, words) in [
            ("[[Policy.Rules]]\nMaxCPU = 1\n", "Name"),
            ("[[Policy.Rules]]\nName = \"a\"\nProject = \"x\"\n", "Project is none of them"),
            ("[[Policy.Rules]]\nName = \"a\"\nProjects = \"x\"\n", "Projects is a list of texts"),
            ("[[Policy.Rules]]\nName = \"a\"\nProtected = \"yes\"\n", "Protected is true or false"),
            ("[[Policy.Rules]]\nName = \"a\"\nAllowedCapacity = [\"cheap\"]\n", "\"on-demand\""),
            ("[[Policy.Rules]]\nName = \"a\"\nMaxEphemeralStorageGiB = 5\n", "from 21 to 200"),
            ("[Policy]\nRegistryCredentials = [{ Images = \"**\" }]\n", "Secret"),
            ("[Policy]\nRules = 7\n", "Policy.Rules must be a list"),
        ] {
            let error = load_text(text, Path::new("c.toml")).unwrap_err();
            assert!(error.message().contains(words), "{error}");
        }
    }
}
