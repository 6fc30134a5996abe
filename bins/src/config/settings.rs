use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::policy::{RegistryCredential, Rule};
use super::value::{Provider, Role, Toleration, Value};

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The program.
    Default,
    /// This line of the file, counted from 1.
    Line(usize),
    /// This command-line flag.
    Flag(&'static str),
    /// This environment variable.
    Variable(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Line(line) => write!(f, "line {line}"),
            Self::Flag(flag) => write!(f, "flag {flag}"),
            Self::Variable(name) => write!(f, "variable {name}"),
        }
    }
}

/// Checked values by key path, each with its origin.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    values: BTreeMap<&'static str, (Value, Origin)>,
}

impl Settings {
    /// Sets a value; a later one wins.
    pub fn set(&mut self, path: &'static str, value: Value, origin: Origin) {
        self.values.insert(path, (value, origin));
    }

    /// The value with its origin.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<(&Value, &Origin)> {
        self.values.get(path).map(|(value, origin)| (value, origin))
    }

    /// A text.
    #[must_use]
    pub fn text(&self, path: &str) -> Option<&str> {
        match self.values.get(path) {
            Some((Value::Text(text), _)) => Some(text),
            _ => None,
        }
    }

    /// A text, owned.
    #[must_use]
    pub fn owned(&self, path: &str) -> Option<String> {
        self.text(path).map(str::to_owned)
    }

    /// A text as a path.
    #[must_use]
    pub fn path(&self, path: &str) -> Option<PathBuf> {
        self.text(path).map(PathBuf::from)
    }

    /// A flag.
    #[must_use]
    pub fn flag(&self, path: &str) -> Option<bool> {
        match self.values.get(path) {
            Some((Value::Flag(flag), _)) => Some(*flag),
            _ => None,
        }
    }

    /// A number.
    #[must_use]
    pub fn number(&self, path: &str) -> Option<i64> {
        match self.values.get(path) {
            Some((Value::Number(number), _)) => Some(*number),
            _ => None,
        }
    }

    /// A duration.
    #[must_use]
    pub fn duration(&self, path: &str) -> Option<Duration> {
        match self.values.get(path) {
            Some((Value::Duration(duration), _)) => Some(*duration),
            _ => None,
        }
    }

    /// A list of texts; empty when it is not set.
    #[must_use]
    pub fn texts(&self, path: &str) -> &[String] {
        self.values.get(path).map_or(&[], |(value, _)| value.texts())
    }

    /// A table of texts; empty when it is not set.
    #[must_use]
    pub fn text_map(&self, path: &str) -> BTreeMap<String, String> {
        match self.values.get(path) {
            Some((Value::TextMap(map), _)) => map.clone(),
            _ => BTreeMap::new(),
        }
    }

    /// Capacity providers; empty when they are not set.
    #[must_use]
    pub fn providers(&self, path: &str) -> &[Provider] {
        match self.values.get(path) {
            Some((Value::Providers(providers), _)) => providers,
            _ => &[],
        }
    }

    /// Taints to bear; empty when they are not set.
    #[must_use]
    pub fn tolerations(&self, path: &str) -> &[Toleration] {
        match self.values.get(path) {
            Some((Value::Tolerations(tolerations), _)) => tolerations,
            _ => &[],
        }
    }

    /// Secrets to pull images with; empty when they are not set.
    #[must_use]
    pub fn registry_credentials(&self, path: &str) -> &[RegistryCredential] {
        match self.values.get(path) {
            Some((Value::RegistryCredentials(credentials), _)) => credentials,
            _ => &[],
        }
    }

    /// Rules; empty when they are not set.
    #[must_use]
    pub fn rules(&self, path: &str) -> &[Rule] {
        match self.values.get(path) {
            Some((Value::Rules(rules), _)) => rules,
            _ => &[],
        }
    }

    /// A role.
    #[must_use]
    pub fn role(&self, path: &str) -> Option<&Role> {
        match self.values.get(path) {
            Some((Value::Role(role), _)) => Some(role),
            _ => None,
        }
    }
}
