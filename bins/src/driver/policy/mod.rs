//! What the operator lets a job choose.

mod credentials;
mod rules;

use fargate_core::{Error, ErrorKind, Result};
use serde::Serialize;

pub(crate) use self::credentials::pull_secret;
use super::patterns::{Patterns, Star};
use super::size;
use crate::backends;
use crate::config::{Rule, Settings, Value, keys};
use crate::gitlab::JobSource;

/// What one job may choose: what the first rule says whose conditions it meets, and what that
/// leaves out as for every job.
#[derive(Debug)]
pub(super) struct Policy<'a> {
    settings: &'a Settings,
    rule: Option<&'a Rule>,
}

/// Something the policy says, and where.
#[derive(Debug)]
pub(super) struct Said<T> {
    pub(super) value: T,
    /// The key, or the rule and its key.
    pub(super) by: String,
}

/// What let a job have something.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(super) struct Ruling {
    /// The key, or the rule and its key.
    pub(super) by: String,
    /// The pattern that matched, or the maximum.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) allowed: Option<String>,
}

impl<'a> Policy<'a> {
    /// The policy for a job that comes from `source`.
    ///
    /// # Errors
    /// `InvalidConfig` for a malformed pattern in a rule's conditions.
    pub(super) fn of(settings: &'a Settings, source: &JobSource) -> Result<Self> {
        let rule = rules::first(settings.rules(keys::POLICY_RULES), source)?;
        Ok(Self { settings, rule })
    }

    /// The rule that decides.
    pub(super) fn rule(&self) -> Option<&str> {
        self.rule.map(|rule| rule.name.as_str())
    }

    fn said(&self, key: &'static str) -> Option<Said<&Value>> {
        let name = key.rsplit('.').next().unwrap_or(key);
        if let Some(rule) = self.rule
            && let Some(value) = rule.says.get(name)
        {
            return Some(Said { value, by: rules::place(rule, name) });
        }
        let (value, _) = self.settings.get(key)?;
        Some(Said { value, by: key.to_owned() })
    }

    /// The patterns of `key`, where anybody says some.
    ///
    /// # Errors
    /// `InvalidConfig` for a malformed pattern.
    pub(super) fn patterns(&self, key: &'static str) -> Result<Option<Said<Patterns>>> {
        let Some(Said { value, by }) = self.said(key) else { return Ok(None) };
        let value = Patterns::new(&by, value.texts(), Star::OnePart)?;
        Ok(Some(Said { value, by }))
    }

    /// The words of `key`, where anybody says some.
    pub(super) fn words(&self, key: &'static str) -> Option<Said<Vec<String>>> {
        let Said { value, by } = self.said(key)?;
        Some(Said { value: value.texts().to_vec(), by })
    }

    /// The maximum of `key`, where anybody says one, read by `read`.
    ///
    /// # Errors
    /// `InvalidConfig` for one that is no size.
    pub(super) fn maximum(
        &self,
        key: &'static str,
        read: fn(&str) -> Option<u32>,
    ) -> Result<Option<Said<u32>>> {
        let Some(Said { value, by }) = self.said(key) else { return Ok(None) };
        let value = maximum(&by, value, read)?;
        Ok(Some(Said { value, by }))
    }
}

fn maximum(by: &str, value: &Value, read: fn(&str) -> Option<u32>) -> Result<u32> {
    let number = match value {
        Value::Text(text) => read(text),
        Value::Number(number) => u32::try_from(*number).ok(),
        _ => None,
    };
    number.ok_or_else(|| {
        Error::new(
            ErrorKind::InvalidConfig,
            "read the configuration",
            format!("{by}: {value} is no size"),
        )
        .hint("write CPU like 1024 or \"1 vCPU\", and memory like 2048 or \"2 GB\"")
    })
}

/// Checks every pattern and maximum, of every rule too.
///
/// # Errors
/// `InvalidConfig` for the first that is malformed.
pub(super) fn check(settings: &Settings) -> Result<()> {
    let nobody = Policy { settings, rule: None };
    let rules = settings.rules(keys::POLICY_RULES);
    rules.iter().try_for_each(rules::check)?;
    let images = backends::image_keys(settings).map(|keys| keys.allowed);
    let of_rules = rules.iter().map(|rule| Policy { settings, rule: Some(rule) });
    for policy in of_rules.chain([nobody]) {
        let lists = [keys::ALLOWED_SERVICES, keys::ALLOWED_TASK_ROLES];
        for key in lists.into_iter().chain(images) {
            policy.patterns(key)?;
        }
        policy.maximum(keys::MAX_CPU, size::cpu)?;
        policy.maximum(keys::MAX_MEMORY, size::memory)?;
    }
    credentials::check(settings)
}

#[cfg(test)]
mod tests;
