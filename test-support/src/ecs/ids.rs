//! Identifiers of AWS's shape.

use std::time::{SystemTime, UNIX_EPOCH};

/// The account everything belongs to.
pub(super) const ACCOUNT: &str = "123456789012";

/// So many random hexadecimal digits.
pub(super) fn hex(digits: usize) -> String {
    (0..digits).map(|_| char::from(b"0123456789abcdef"[fastrand::usize(..16)])).collect()
}

/// A random UUID, as attachments and requests are named.
pub(super) fn uuid() -> String {
    format!("{}-{}-4{}-a{}-{}", hex(8), hex(4), hex(3), hex(3), hex(12))
}

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
