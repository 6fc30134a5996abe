use std::fmt::Write as _;

use super::keys::KEYS;
use super::settings::Settings;

/// Every setting on a line of its own, with where it came from.
#[must_use]
pub fn show(settings: &Settings) -> String {
    let rows: Vec<_> = KEYS
        .iter()
        .map(|key| match settings.get(key.path) {
            Some((value, origin)) => (key.path, value.to_string(), origin.to_string()),
            None => (key.path, "-".to_owned(), "not set".to_owned()),
        })
        .collect();
    let width = |pick: fn(&(&str, String, String)) -> usize| rows.iter().map(pick).max();
    let (first, second) = (width(|row| row.0.len()), width(|row| row.1.len()));
    let (first, second) = (first.unwrap_or(0), second.unwrap_or(0).min(60));
    let mut text = String::new();
    for (path, value, origin) in rows {
        // Writing to a string cannot fail.
        let _infallible = writeln!(text, "{path:first$}  {value:second$}  {origin}");
    }
    text
}
