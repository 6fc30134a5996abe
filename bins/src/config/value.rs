use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::policy::{RegistryCredential, Rule};

/// A capacity provider with its share, as ECS's strategy items.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provider {
    /// Such as `FARGATE_SPOT`.
    pub name: String,
    /// Relative share of tasks.
    pub weight: Option<i32>,
    /// How many tasks it takes before weights count.
    pub base: Option<i32>,
}

/// A role to assume before any call to AWS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// Its ARN.
    pub arn: String,
    /// What the trust policy asks for.
    pub external_id: Option<String>,
    /// How the session is named in CloudTrail.
    pub session_name: Option<String>,
}

/// A taint that pods bear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Toleration {
    /// Key of the taint.
    pub key: String,
    /// Its value; `None` bears every value.
    pub value: Option<String>,
    /// Its effect; `None` bears every effect.
    pub effect: Option<String>,
}

/// A checked value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Text, or a word in the table's spelling.
    Text(String),
    /// true or false.
    Flag(bool),
    /// A whole number.
    Number(i64),
    /// A length of time.
    Duration(Duration),
    /// A list of texts.
    Texts(Vec<String>),
    /// A table of texts.
    TextMap(BTreeMap<String, String>),
    /// Capacity providers in order.
    Providers(Vec<Provider>),
    /// A role.
    Role(Role),
    /// Taints to bear.
    Tolerations(Vec<Toleration>),
    /// Secrets to pull images with, in order.
    RegistryCredentials(Vec<RegistryCredential>),
    /// Rules in order.
    Rules(Vec<Rule>),
}

impl Value {
    /// The texts of a list; none of anything else.
    #[must_use]
    pub fn texts(&self) -> &[String] {
        match self {
            Self::Texts(texts) => texts,
            _ => &[],
        }
    }
}

impl fmt::Display for Value {
    /// As it would be written in TOML.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn quoted(text: &str) -> String {
            format!("{text:?}")
        }
        fn optional(text: &mut String, name: &str, value: Option<String>) {
            if let Some(value) = value {
                text.push_str(&format!(", {name} = {value}"));
            }
        }
        fn listed<T: fmt::Display>(items: &[T]) -> String {
            let items: Vec<_> = items.iter().map(T::to_string).collect();
            format!("[{}]", items.join(", "))
        }
        match self {
            Self::Text(text) => f.write_str(&quoted(text)),
            Self::Flag(flag) => write!(f, "{flag}"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Duration(duration) => {
                f.write_str(&quoted(&humantime::format_duration(*duration).to_string()))
            }
            Self::Texts(texts) => write!(f, "{texts:?}"),
            Self::TextMap(map) => {
                let items: Vec<_> =
                    map.iter().map(|(k, v)| format!("{} = {}", quoted(k), quoted(v))).collect();
                write!(f, "{{ {} }}", items.join(", "))
            }
            Self::Providers(providers) => {
                let items: Vec<_> = providers
                    .iter()
                    .map(|provider| {
                        let mut item = format!("{{ Name = {}", quoted(&provider.name));
                        optional(&mut item, "Weight", provider.weight.map(|n| n.to_string()));
                        optional(&mut item, "Base", provider.base.map(|n| n.to_string()));
                        item + " }"
                    })
                    .collect();
                write!(f, "[{}]", items.join(", "))
            }
            Self::Role(role) => {
                let mut item = format!("{{ Arn = {}", quoted(&role.arn));
                // An external id is a shared secret of a kind: whoever reads logs need not know it.
                let id = role.external_id.as_ref().map(|_| quoted("<set>"));
                optional(&mut item, "ExternalId", id);
                optional(&mut item, "SessionName", role.session_name.as_deref().map(quoted));
                f.write_str(&(item + " }"))
            }
            Self::Tolerations(tolerations) => {
                let items: Vec<_> = tolerations
                    .iter()
                    .map(|one| {
                        let mut item = format!("{{ Key = {}", quoted(&one.key));
                        optional(&mut item, "Value", one.value.as_deref().map(quoted));
                        optional(&mut item, "Effect", one.effect.as_deref().map(quoted));
                        item + " }"
                    })
                    .collect();
                write!(f, "[{}]", items.join(", "))
            }
            Self::RegistryCredentials(credentials) => f.write_str(&listed(credentials)),
            Self::Rules(rules) => f.write_str(&listed(rules)),
        }
    }
}
