//! The tags that say which definitions are derived, and when they were last used.

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use serde_json::{Value, json};

use crate::handle;

/// The family of the base. Whatever is without it is somebody else's.
pub(super) const BASE: &str = "fargate:base";
/// The day of the last use.
pub(super) const USED: &str = "fargate:used";

const SECONDS: i64 = 24 * 60 * 60;

/// A day in UTC, in days since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Day(i64);

impl Day {
    pub(super) fn today() -> Self {
        Self::of(i64::try_from(handle::now()).unwrap_or(i64::MAX))
    }

    /// The day of a time in seconds since 1970.
    pub(super) fn of(seconds: i64) -> Self {
        Self(seconds.div_euclid(SECONDS))
    }

    /// Reads `YYYY-MM-DD`.
    pub(super) fn read(text: &str) -> Option<Self> {
        let time = DateTime::from_str(&format!("{text}T00:00:00Z"), Format::DateTime).ok()?;
        Some(Self::of(time.secs()))
    }

    /// Its end in seconds since 1970.
    pub(super) fn end(self) -> i64 {
        (self.0 + 1).saturating_mul(SECONDS)
    }

    /// `YYYY-MM-DD`.
    pub(super) fn text(self) -> String {
        let time = DateTime::from_secs(self.0.saturating_mul(SECONDS)).fmt(Format::DateTime);
        // A time that cannot be written is in another age.
        time.map(|text| text.chars().take(10).collect()).unwrap_or_default()
    }
}

/// The tags of a definition that is derived from the family `base`.
pub(super) fn marks(base: &str) -> [Value; 2] {
    [json!({"key": BASE, "value": base}), used()]
}

/// The tag of a use today.
pub(super) fn used() -> Value {
    json!({"key": USED, "value": Day::today().text()})
}

/// Whether a tag is one of these.
pub(super) fn is_mark(tag: &Value) -> bool {
    tag["key"] == BASE || tag["key"] == USED
}

/// The value of a tag in an answer of ECS.
pub(super) fn value<'a>(tags: &'a Value, key: &str) -> Option<&'a str> {
    tags.as_array()?.iter().find(|tag| tag["key"] == key)?["value"].as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_written_and_read() {
        for (seconds, text) in [
            (0, "1970-01-01"),
            (86_399, "1970-01-01"),
            (1_709_164_800, "2024-02-29"),
            (1_795_219_199, "2026-11-20"),
        ] {
            assert_eq!(Day::of(seconds).text(), text);
            assert_eq!(Day::read(text), Some(Day::of(seconds)));
        }
        assert_eq!(Day::of(0).end(), 86_400);
        for text in ["", "yesterday", "2026-13-01", "2026-1-1", "2026-01-01T00:00:00Z"] {
            assert_eq!(Day::read(text), None, "{text}");
        }
    }
}
