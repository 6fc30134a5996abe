//! Identifiers of AWS's shape.

use std::time::{SystemTime, UNIX_EPOCH};

pub(super) use crate::random::{hex, uuid};
pub(super) use crate::sts::ACCOUNT;

pub(super) fn arn(region: &str, kind: &str, name: &str) -> String {
    format!("arn:aws:ecs:{region}:{ACCOUNT}:{kind}/{name}")
}

/// The part after the last slash: the name in an ARN, or the name itself.
pub(super) fn last_part(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// Now, in seconds since 1970 with milliseconds, as ECS writes times.
pub(super) fn now() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    (since.as_secs_f64() * 1000.0).round() / 1000.0
}
