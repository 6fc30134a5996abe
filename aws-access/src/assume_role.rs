//! A role in the settings.

use std::collections::BTreeMap;

/// A role to take before any call.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AssumeRole {
    /// ARN of the role.
    pub arn: String,
    /// The external id its trust policy asks for.
    pub external_id: Option<String>,
    /// Shown in CloudTrail; `None` is `fargate-driver`.
    pub session_name: Option<String>,
    /// Session tags; the trust policy must allow `sts:TagSession`.
    pub session_tags: BTreeMap<String, String>,
}

impl AssumeRole {
    /// The role `arn` without further conditions.
    pub fn new(arn: impl Into<String>) -> Self {
        Self {
            arn: arn.into(),
            external_id: None,
            session_name: None,
            session_tags: BTreeMap::new(),
        }
    }
}
