//! Patterns of what a job's author may ask for.

use fargate_core::{Error, ErrorKind, Result};
use globset::{GlobBuilder, GlobMatcher};

use crate::config::Settings;

/// How far a `*` reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Star {
    /// Over every character.
    Everything,
    /// To the next `/`, as in GitLab Runner's `allowed_images`; `**` reaches over all of them.
    OnePart,
}

/// The patterns of one key.
#[derive(Debug)]
pub(super) struct Patterns {
    texts: Vec<String>,
    matchers: Vec<GlobMatcher>,
}

impl Patterns {
    /// The patterns of `key`; `None` if it is not set. An empty list matches nothing.
    ///
    /// # Errors
    /// `InvalidConfig` for a malformed pattern.
    pub(super) fn read(settings: &Settings, key: &'static str, star: Star) -> Result<Option<Self>> {
        if settings.get(key).is_none() {
            return Ok(None);
        }
        Self::new(key, settings.texts(key), star).map(Some)
    }

    /// These patterns, which stand at `place` in the configuration.
    ///
    /// # Errors
    /// `InvalidConfig` for a malformed pattern.
    pub(super) fn new(place: &str, texts: &[String], star: Star) -> Result<Self> {
        let matchers: Result<_> = texts.iter().map(|text| compile(place, text, star)).collect();
        Ok(Self { matchers: matchers?, texts: texts.to_vec() })
    }

    pub(super) fn allow(&self, asked: &str) -> bool {
        self.matching(asked).is_some()
    }

    /// The first pattern that matches.
    pub(super) fn matching(&self, asked: &str) -> Option<&str> {
        let at = self.matchers.iter().position(|pattern| pattern.is_match(asked))?;
        self.texts.get(at).map(String::as_str)
    }

    /// As they are written, for people.
    pub(super) fn list(&self) -> String {
        if self.texts.is_empty() { "nothing".to_owned() } else { self.texts.join(", ") }
    }
}

fn compile(place: &str, text: &str, star: Star) -> Result<GlobMatcher> {
    let wrong = |why: &str| {
        Error::new(
            ErrorKind::InvalidConfig,
            "read the configuration",
            format!("{place}: {text:?} is no pattern{why}"),
        )
    };
    let part = star == Star::OnePart;
    if part && text.split('/').any(|part| part.contains("**") && part != "**") {
        // It would be taken for a `*`, and who wrote it meant more.
        return Err(wrong(": ** stands alone between two /")
            .hint("write example.com/group/** for everything below example.com/group"));
    }
    let glob = GlobBuilder::new(text).literal_separator(part).build();
    Ok(glob.map_err(|error| wrong("").source(error))?.compile_matcher())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Origin, Value, keys};

    const KEY: &str = keys::EKS_ALLOWED_IMAGES;

    fn patterns(star: Star, patterns: &[&str]) -> Result<Option<Patterns>> {
        let mut settings = Settings::default();
        let texts = patterns.iter().map(|&text| text.to_owned()).collect();
        settings.set(KEY, Value::Texts(texts), Origin::Line(1));
        Patterns::read(&settings, KEY, star)
    }

    fn allows(star: Star, pattern: &str, asked: &str) -> bool {
        patterns(star, &[pattern]).unwrap().unwrap().allow(asked)
    }

    #[test]
    fn a_star_stays_within_one_part_and_two_cross_them() {
        for (pattern, asked, allowed) in [
            ("*", "alpine:3", true),
            ("*", "evil/alpine:3", false),
            ("alpine:*", "alpine:3", true),
            ("alpine:*", "alpine", false),
            ("alpine:?", "alpine:3", true),
            ("alpine:?", "alpine:31", false),
            ("a?b", "a/b", false),
            ("r.example.com/*", "r.example.com/a:1", true),
            ("r.example.com/*", "r.example.com/a/b:1", false),
            ("r.example.com/*", "r.example.com.evil.org/a:1", false),
            ("r.example.com/**", "r.example.com/a:1", true),
            ("r.example.com/**", "r.example.com/a/b@sha256:00", true),
            ("r.example.com/**", "r.example.com:5000/a", false),
            ("r.example.com:5000/**/ci:*", "r.example.com:5000/a/b/ci:7", true),
            ("r.example.com:5000/**/ci:*", "r.example.com:5000/ci:7", true),
            ("**/ci:7", "r.example.com/a/ci:7", true),
            ("**", "r.example.com/a/ci:7", true),
            ("r.example.com/{a,b}:*", "r.example.com/b:1", true),
            ("r.example.com/[a-c]:*", "r.example.com/d:1", false),
            ("alpine:*", "Alpine:3", false),
        ] {
            assert_eq!(allows(Star::OnePart, pattern, asked), allowed, "{pattern} {asked}");
        }
        assert!(allows(Star::Everything, "a*", "a/b/c"));
    }

    #[test]
    fn what_is_no_pattern_is_named_with_its_key() {
        for bad in ["[", "{a", "r.example.com/**:1", "a**"] {
            let error = patterns(Star::OnePart, &["a", bad]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidConfig);
            assert!(error.message().contains(KEY), "{error}");
            assert!(error.message().contains(bad), "{error}");
        }
        assert!(patterns(Star::Everything, &["a**"]).is_ok());
    }

    #[test]
    fn no_key_is_no_rule_and_an_empty_list_allows_nothing() {
        let none = Patterns::read(&Settings::default(), KEY, Star::OnePart).unwrap();
        assert!(none.is_none());
        let empty = patterns(Star::OnePart, &[]).unwrap().unwrap();
        assert!(!empty.allow("alpine") && !empty.allow(""));
        assert_eq!(empty.list(), "nothing");
    }
}
