//! A job's variables, as far as what it asks for needs them.
//!
//! The rules are those of GitLab Runner (`JobVariables` in its `common` package) and of Go's
//! `os.Expand`, which it uses.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde_json::Value;

/// The variables of a job response.
#[derive(Default)]
pub(super) struct Variables(Vec<Variable>);

/// Beginnings of the names that GitLab and GitLab Runner give their own variables, and this driver
/// those that are meant for it.
const PREDEFINED: [&str; 10] = [
    "CI_",
    "CHAT_",
    "DOCKER_AUTH_CONFIG",
    "FARGATE_",
    "FF_",
    "GIT_",
    "GITLAB_",
    "KUBERNETES_",
    "RUNNER_",
    "TRIGGER_PAYLOAD",
];

struct Variable {
    key: String,
    value: String,
    /// Its value is not expanded.
    raw: bool,
    /// In the job it stands for the path of a file that holds the value.
    file: bool,
    masked: bool,
    /// GitLab says so of its own and of those of `.gitlab-ci.yml`, and not of those of projects,
    /// groups and pipelines.
    public: bool,
}

impl Variables {
    /// Takes what is a variable out of the response's list; anything else is as good as absent.
    pub(super) fn read(list: &Value) -> Self {
        let variable = |one: &Value| {
            let flag = |name: &str| one[name].as_bool().unwrap_or(false);
            Some(Variable {
                key: one["key"].as_str()?.to_owned(),
                value: one["value"].as_str()?.to_owned(),
                raw: flag("raw"),
                file: flag("file"),
                masked: flag("masked"),
                public: flag("public"),
            })
        };
        Self(list.as_array().into_iter().flatten().filter_map(variable).collect())
    }

    /// `text` with each `$NAME` and `${NAME}` replaced by the variable's value, and each `$$` by
    /// `$`. Names in a value count, those in the values of such a name do not.
    pub(super) fn expand(&self, text: &str) -> String {
        expand(text, |name| self.find(name, |variable| self.value(variable)))
    }

    /// The value of `name`, of a file its content; `None` if it is not there or empty.
    pub(super) fn get(&self, name: &str) -> Option<String> {
        let found = self.0.iter().rev().find(|variable| variable.key == name)?;
        Some(self.value(found)).filter(|value| !value.is_empty())
    }

    /// All of them by name, with the names in their values replaced by these variables and those of
    /// `job`.
    pub(super) fn expanded(&self, job: &Self) -> BTreeMap<String, String> {
        let named = self.0.iter().filter(|variable| is_name(&variable.key));
        named
            .map(|variable| {
                let value = match variable.raw {
                    true => variable.value.clone(),
                    // A variable cannot mean itself.
                    false => expand(&variable.value, |name| match self.has(name) {
                        true if name != variable.key => self.find(name, |one| one.value.clone()),
                        _ => job.find(name, |one| job.value(one)),
                    }),
                };
                (variable.key.clone(), value)
            })
            .collect()
    }

    fn has(&self, name: &str) -> bool {
        self.0.iter().any(|variable| variable.key == name)
    }

    /// What `.gitlab-ci.yml` says, as far as everybody may see it: neither what GitLab and GitLab
    /// Runner define, nor what is masked, not public, or a file.
    pub(super) fn written_by_author(&self) -> BTreeMap<String, String> {
        let mut names: Vec<_> = self.0.iter().map(|variable| variable.key.as_str()).collect();
        names.retain(|name| {
            is_name(name) && *name != "CI" && !PREDEFINED.iter().any(|own| name.starts_with(own))
        });
        let last = |name: &str| self.0.iter().rev().find(|variable| variable.key == name);
        names
            .into_iter()
            .filter_map(|name| Some((name, last(name)?)))
            .filter(|(_, found)| found.public && !found.masked && !found.file)
            .map(|(name, found)| (name.to_owned(), self.value(found)))
            .collect()
    }

    /// The values that must not be shown, the longest first.
    pub(super) fn masked(&self) -> Vec<String> {
        let masked = self.0.iter().filter(|one| one.masked).map(|one| self.value(one));
        let mut values: Vec<_> = masked.filter(|value| !value.is_empty()).collect();
        values.sort_unstable_by_key(|value| Reverse(value.len()));
        values
    }

    fn value(&self, variable: &Variable) -> String {
        match variable.raw {
            true => variable.value.clone(),
            false => expand(&variable.value, |name| self.find(name, |one| one.value.clone())),
        }
    }

    /// The last variable of that name counts; one that is not there is empty. A file is a path in
    /// the job, which no image's name can be part of: its content, often a secret, is not put there.
    fn find(&self, name: &str, value: impl Fn(&Variable) -> String) -> String {
        if name == "$" {
            return name.to_owned();
        }
        let found = self.0.iter().rev().find(|variable| variable.key == name);
        found.filter(|variable| !variable.file).map(value).unwrap_or_default()
    }
}

/// Whether an environment can hold a variable of this name.
fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(['=', '\0'])
}

fn expand(text: &str, value: impl Fn(&str) -> String) -> String {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        expanded.push_str(before);
        let (name, length) = name(after);
        match name {
            Some(name) => expanded.push_str(&value(name)),
            // No name follows; where one was begun wrongly, what was written of it is dropped.
            None if length == 0 => expanded.push('$'),
            None => {}
        }
        rest = &after[length..];
    }
    expanded + rest
}

/// The name that follows a `$`, and how many bytes it takes.
fn name(after: &str) -> (Option<&str>, usize) {
    if let Some(braced) = after.strip_prefix('{') {
        return match braced.find('}') {
            Some(0) => (None, 2),
            Some(end) => (Some(&braced[..end]), end + 2),
            None => (None, 1),
        };
    }
    if after.starts_with(|c: char| "*#$@!?-".contains(c) || c.is_ascii_digit()) {
        return (Some(&after[..1]), 1);
    }
    let part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let length = after.find(|c| !part(c)).unwrap_or(after.len());
    (Some(&after[..length]).filter(|name| !name.is_empty()), length)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn variables() -> Variables {
        Variables::read(&json!([
            {"key": "TAG", "value": "old"},
            {"key": "TAG", "value": "3.20"},
            {"key": "IMAGE", "value": "alpine:$TAG"},
            {"key": "NESTED", "value": "$IMAGE"},
            {"key": "RAW", "value": "a:$TAG", "raw": true},
            {"key": "TOKEN", "value": "hunter2", "masked": true},
            {"key": "LONG", "value": "hunter2-for-$TAG", "masked": true},
            {"key": "NOTHING", "value": "", "masked": true},
            {"key": "FILE", "value": "content", "file": true},
            {"key": "x.y", "value": "odd"},
            {"key": 7, "value": "x"}, {"key": "NUMBER", "value": 7}, "text", null,
        ]))
    }

    #[test]
    fn names_are_replaced_as_gitlab_runner_replaces_them() {
        for (written, meant) in [
            ("alpine:3", "alpine:3"),
            ("alpine:$TAG", "alpine:3.20"),
            ("alpine:${TAG}-slim", "alpine:3.20-slim"),
            ("$IMAGE", "alpine:3.20"),
            ("${IMAGE}", "alpine:3.20"),
            ("$NESTED", "alpine:$TAG"),
            ("$RAW", "a:$TAG"),
            ("$TAG$TAG", "3.203.20"),
            ("$TAGS/x", "/x"),
            ("a$$TAG", "a$TAG"),
            ("${$}TAG", "$TAG"),
            ("a$", "a$"),
            ("a$.b", "a$.b"),
            ("$ä", "$ä"),
            ("a${}b", "ab"),
            ("a${TAG", "aTAG"),
            ("a$1b$*c$-d", "abcd"),
            ("${x.y}", "odd"),
            ("${TAG:-none}", ""),
            ("$FILE", ""),
            ("$NUMBER", ""),
        ] {
            assert_eq!(variables().expand(written), meant, "{written}");
        }
    }

    #[test]
    fn only_what_the_author_wrote_for_everybody_is_the_authors() {
        let variables = Variables::read(&json!([
            {"key": "POSTGRES_DB", "value": "app_$SUFFIX", "public": true},
            {"key": "SUFFIX", "value": "7", "public": true},
            {"key": "LATER", "value": "open", "public": true},
            {"key": "LATER", "value": "hunter2", "public": true, "masked": true},
            {"key": "OF_PROJECT", "value": "hunter2", "public": false},
            {"key": "FILE", "value": "hunter2", "public": true, "file": true},
            {"key": "CI", "value": "true", "public": true},
            {"key": "CI_JOB_TOKEN", "value": "hunter2", "public": true},
            {"key": "GITLAB_USER_LOGIN", "value": "x", "public": true},
            {"key": "FF_X", "value": "x", "public": true},
            {"key": "FARGATE_CPU", "value": "1024", "public": true},
            {"key": "A=B", "value": "x", "public": true},
        ]));
        let expected = [("POSTGRES_DB", "app_7"), ("SUFFIX", "7")];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(variables.written_by_author(), BTreeMap::from(expected));
        assert_eq!(variables.get("FARGATE_CPU").as_deref(), Some("1024"));
        assert_eq!(variables.get("FILE").as_deref(), Some("hunter2"));
        assert_eq!(variables.get("NOWHERE"), None);
    }

    #[test]
    fn masked_values_are_known_the_longest_first() {
        assert_eq!(variables().masked(), ["hunter2-for-3.20", "hunter2"]);
        for odd in [json!(null), json!({"key": "A"}), json!("text")] {
            let none = Variables::read(&odd);
            assert!(none.masked().is_empty());
            assert_eq!(none.expand("a$A"), "a");
        }
    }
}
