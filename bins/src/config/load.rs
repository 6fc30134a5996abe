//! From a file to settings, with every problem named by file, line and key.

use std::collections::BTreeMap;
use std::path::Path;

use fargate_core::{Error, ErrorKind, Result};
use toml_edit::{Document, Item, TableLike};

use super::find::find_key;
use super::keys::{self, KEYS, Key, NEEDS, Need};
use super::read::read;
use super::settings::{Origin, Settings};
use super::value::Value;

const OP: &str = "read the configuration";

/// A file that was read: its settings, and what is odd about it but not wrong.
#[derive(Debug)]
pub struct Loaded {
    /// The settings, defaults included.
    pub settings: Settings,
    /// One line each.
    pub warnings: Vec<String>,
    /// The line each section starts in.
    sections: BTreeMap<&'static str, usize>,
    /// How many lines the file has.
    lines: usize,
}

/// Reads the file at `path`.
///
/// # Errors
/// `InvalidConfig`: unreadable, not TOML, a wrong type, a key twice. All problems are named.
pub fn load(path: &Path) -> Result<Loaded> {
    let bytes = std::fs::read(path).map_err(|error| {
        Error::new(ErrorKind::InvalidConfig, OP, format!("{}: {error}", path.display()))
            .hint("name the file with --config, before `custom`; check that it can be read")
    })?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Error::new(
            ErrorKind::InvalidConfig,
            OP,
            format!("{}: byte {at} is not UTF-8", path.display()),
        )
    })?;
    load_text(&text, path)
}

/// Reads `text` as if it were the file `path`.
///
/// # Errors
/// As [`load`].
pub fn load_text(text: &str, path: &Path) -> Result<Loaded> {
    let document = Document::parse(text).map_err(|error| {
        let line = error.span().map_or(1, |span| line_of(text, span.start));
        // Only a key is quoted: anything else may be a secret.
        let key = error.span().filter(|_| error.message() == "duplicate key");
        let key = key.and_then(|span| text.get(span)).map(|key| format!(" {key}"));
        Error::new(
            ErrorKind::InvalidConfig,
            OP,
            format!(
                "{} line {line}: {}{}",
                path.display(),
                error.message(),
                key.unwrap_or_default()
            ),
        )
        .hint("the file must be TOML; texts need quotes")
    })?;
    let mut reader = Reader {
        text,
        file: path.display().to_string(),
        settings: defaults(),
        warnings: Vec::new(),
        errors: Vec::new(),
        sections: BTreeMap::new(),
    };
    reader.table("", document.as_table());
    if reader.errors.is_empty() {
        return Ok(Loaded {
            settings: reader.settings,
            warnings: reader.warnings,
            sections: reader.sections,
            lines: text.lines().count().max(1),
        });
    }
    Err(Error::new(ErrorKind::InvalidConfig, OP, reader.errors.join("\n  "))
        .hint("`fargate check-config` shows every key with its value and origin"))
}

/// The settings of an empty file.
fn defaults() -> Settings {
    let mut settings = Settings::default();
    for key in KEYS {
        let Some(default) = key.default else { continue };
        let value = default.parse::<toml_edit::Value>().map(Item::Value);
        if let Ok(Ok(Some(value))) = value.map(|item| read(key.kind, &item)) {
            settings.set(key.path, value, Origin::Default);
        }
    }
    settings
}

fn line_of(text: &str, at: usize) -> usize {
    1 + text.as_bytes()[..at.min(text.len())].iter().filter(|byte| **byte == b'\n').count()
}

struct Reader<'a> {
    text: &'a str,
    file: String,
    settings: Settings,
    warnings: Vec<String>,
    errors: Vec<String>,
    sections: BTreeMap<&'static str, usize>,
}

impl Reader<'_> {
    fn table(&mut self, section: &'static str, table: &dyn TableLike) {
        for (written, item) in table.iter() {
            let line = table
                .key(written)
                .and_then(toml_edit::Key::span)
                .or_else(|| item.span())
                .map_or(1, |span| line_of(self.text, span.start));
            self.entry(section, written, item, line);
        }
    }

    fn entry(&mut self, section: &'static str, written: &str, item: &Item, line: usize) {
        let sections = KEYS.iter().filter_map(|key| key.path.split_once('.').map(|(name, _)| name));
        let names = KEYS.iter().filter_map(|key| match key.path.split_once('.') {
            Some((of, name)) if of == section => Some(name),
            None if section.is_empty() => Some(key.path),
            _ => None,
        });
        if section.is_empty()
            && let Ok(name) = find_key(sections.clone(), written)
        {
            match item.as_table_like() {
                Some(table) => {
                    if let Some(key) = KEYS.iter().find(|key| key.path.starts_with(name)) {
                        let section = &key.path[..name.len()];
                        self.sections.entry(section).or_insert(line);
                        self.table(section, table);
                    }
                }
                None => self.wrong(line, written, &format!("a section, written [{name}]")),
            }
            return;
        }
        let place = if section.is_empty() { String::new() } else { format!(" in [{section}]") };
        match find_key(names, written) {
            Ok(name) => {
                if let Some(key) = KEYS.iter().find(|key| is_at(key, section, name)) {
                    self.value(key, item, line);
                }
            }
            Err(near) => {
                let near = near.or_else(|| match section {
                    "" => find_key(sections, written).err().flatten(),
                    _ => None,
                });
                let advice = near.map(|key| format!("; did you mean {key:?}?")).unwrap_or_default();
                let file = &self.file;
                self.warnings
                    .push(format!("{file} line {line}: unknown key {written:?}{place}{advice}"));
            }
        }
    }

    fn value(&mut self, key: &Key, item: &Item, line: usize) {
        if let Some((_, Origin::Line(first))) = self.settings.get(key.path) {
            let message = format!(
                "{} line {line}: {} is set twice, first in line {first}",
                self.file, key.path
            );
            self.errors.push(message);
            return;
        }
        match read(key.kind, item) {
            Ok(Some(value)) => self.settings.set(key.path, value, Origin::Line(line)),
            Ok(None) => {}
            Err(expected) => self.wrong(line, key.path, &expected),
        }
    }

    fn wrong(&mut self, line: usize, key: &str, expected: &str) {
        self.errors.push(format!("{} line {line}: {key} must be {expected}", self.file));
    }
}

fn is_at(key: &Key, section: &str, name: &str) -> bool {
    match key.path.split_once('.') {
        Some((of, own)) => of == section && own == name,
        None => section.is_empty() && key.path == name,
    }
}

impl Loaded {
    /// Checks that what the chosen backend needs is there.
    ///
    /// Flags and variables must have been applied before.
    ///
    /// # Errors
    /// `InvalidConfig` naming every missing key, with file and section.
    pub fn require(&self, path: &Path) -> Result<()> {
        let backend = self.settings.text(keys::BACKEND).unwrap_or_default();
        let is_set = |key: &&str| match self.settings.get(key) {
            Some((Value::Texts(texts), _)) => !texts.is_empty(),
            value => value.is_some(),
        };
        let lines: Vec<_> = NEEDS
            .iter()
            .filter(|need| need.backend == backend && !need.any_of.iter().any(is_set))
            .map(|need| self.missing(path, need))
            .collect();
        if lines.is_empty() {
            return Ok(());
        }
        Err(Error::new(ErrorKind::InvalidConfig, OP, lines.join("\n  "))
            .hint("add the keys; the README lists every key with its meaning"))
    }

    /// Where the key would have to stand.
    fn missing(&self, path: &Path, need: &Need) -> String {
        let first = need.any_of.first().copied().unwrap_or_default();
        let section = first.split_once('.').map_or("", |(section, _)| section);
        let names: Vec<_> = need
            .any_of
            .iter()
            .map(|key| key.split_once('.').map_or(*key, |(_, name)| name))
            .collect();
        let names = names.join(" or ");
        let place = match self.sections.get(section) {
            Some(line) => format!("line {line}: section [{section}] has no {names}"),
            None => format!("line {}: there is no section [{section}] with {names}", self.lines),
        };
        format!("{} {place}, and Backend {:?} needs it", path.display(), need.backend)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Value;

    fn good(text: &str) -> Loaded {
        load_text(text, Path::new("c.toml")).unwrap()
    }

    fn bad(text: &str) -> String {
        let error = load_text(text, Path::new("c.toml")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
        error.message().to_owned()
    }

    #[test]
    fn keys_match_in_any_case() {
        let loaded = good("loglevel = 'DEBUG'\n[fargate]\ncluster = 'c'\nENABLEPUBLICIP = true\n");
        assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
        assert_eq!(loaded.settings.text(keys::LOG_LEVEL), Some("debug"));
        assert_eq!(loaded.settings.text(keys::CLUSTER), Some("c"));
        assert_eq!(loaded.settings.flag(keys::ENABLE_PUBLIC_IP), Some(true));
        assert_eq!(loaded.settings.get(keys::CLUSTER).unwrap().1, &Origin::Line(3));
    }

    #[test]
    fn every_default_is_readable() {
        let settings = good("").settings;
        for key in KEYS {
            assert_eq!(key.default.is_some(), settings.get(key.path).is_some(), "{}", key.path);
        }
        assert_eq!(settings.number(keys::SSH_PORT), Some(22));
    }

    #[test]
    fn unknown_keys_warn_with_the_nearest_known_one() {
        let warnings =
            good("volumes = []\n[Fargate]\nClutser = 'x'\n[Fargat]\n[SSH]\nUser='x'\n").warnings;
        assert_eq!(
            warnings,
            [
                "c.toml line 1: unknown key \"volumes\"",
                "c.toml line 3: unknown key \"Clutser\" in [Fargate]; did you mean \"Cluster\"?",
                "c.toml line 4: unknown key \"Fargat\"; did you mean \"Fargate\"?",
                "c.toml line 6: unknown key \"User\" in [SSH]",
            ]
        );
    }

    #[test]
    fn every_key_of_the_wrong_type_names_file_line_and_key() {
        for key in KEYS {
            let (section, name) = key.path.split_once('.').unwrap_or(("", key.path));
            let header = if section.is_empty() { String::new() } else { format!("[{section}]\n") };
            let line = if section.is_empty() { 1 } else { 2 };
            for wrong in ["3.5", "1979-05-27"] {
                let message = bad(&format!("{header}{name} = {wrong}\n"));
                let expected = format!("c.toml line {line}: {} must be ", key.path);
                assert!(message.starts_with(&expected), "{message}");
            }
        }
    }

    #[test]
    fn a_key_given_twice_in_any_case_is_an_error() {
        let message = bad("[Fargate]\nCluster = 'a'\ncluster = 'b'\n");
        assert_eq!(message, "c.toml line 3: Fargate.Cluster is set twice, first in line 2");
        assert!(bad("[SSH]\nPort = 1\nPort = 2\n").ends_with("line 3: duplicate key Port"));
    }

    #[test]
    fn several_problems_are_told_at_once() {
        let message = bad("Backend = 'gcp'\n[SSH]\nPort = 'x'\n");
        assert!(
            message.contains(
                "line 1: Backend must be one of \"ecs\", \"eks\", \"local\", not \"gcp\""
            )
        );
        assert!(message.contains("line 3: SSH.Port must be a whole number"));
    }

    #[test]
    fn what_is_not_toml_names_its_line() {
        assert!(bad("a = 1\nb = = 2\n").starts_with("c.toml line 2: "));
        assert!(bad("Fargate = 7\n").contains("Fargate must be a section"));
    }

    #[test]
    fn structured_keys_are_read() {
        let text = r#"
            [Fargate]
            CapacityProviders = [{ Name = "FARGATE_SPOT", Weight = 2, base = 1 }, { Name = "FARGATE" }]
            AssumeRole = { Arn = "arn:x", ExternalId = "id" }
            Cpu = 1024
            Memory = "2048"
            StartTimeout = "90s"
            Subnets = ["subnet-1", "subnet-2"]
            [Fargate.Tags]
            team = "build"
        "#;
        let settings = good(text).settings;
        let providers = settings.providers(keys::CAPACITY_PROVIDERS);
        assert_eq!((providers[0].weight, providers[0].base), (Some(2), Some(1)));
        assert_eq!(providers[1].name, "FARGATE");
        assert_eq!(settings.role(keys::ASSUME_ROLE).unwrap().external_id.as_deref(), Some("id"));
        assert_eq!(settings.text(keys::CPU), Some("1024"));
        assert_eq!(settings.text(keys::MEMORY), Some("2048"));
        assert_eq!(settings.duration(keys::START_TIMEOUT).unwrap().as_secs(), 90);
        assert_eq!(settings.text_map(keys::TAGS)["team"], "build");
        assert!(bad("[Fargate]\nCapacityProviders = [{ Weight = 1 }]\n").contains("Name"));
        assert!(bad("[Fargate]\nStartTimeout = '0s'\n").contains("duration"));
        assert!(bad("[Fargate]\nStartTimeout = '900years'\n").contains("30 days at most"));
    }

    #[test]
    fn tolerations_are_read_and_shown() {
        let settings = good(
            r#"
            [EKS]
            Tolerations = [
                { key = "a" },
                { Key = "b", Operator = "exists", Effect = "noschedule" },
                { Key = "c", Value = "1", Effect = "NoExecute" },
                { Key = "d", Operator = "Equal" },
            ]
            "#,
        )
        .settings;
        let read: Vec<_> = settings
            .tolerations(keys::EKS_TOLERATIONS)
            .iter()
            .map(|one| (one.key.as_str(), one.value.as_deref(), one.effect.as_deref()))
            .collect();
        assert_eq!(
            read,
            [
                ("a", None, None),
                ("b", None, Some("NoSchedule")),
                ("c", Some("1"), Some("NoExecute")),
                ("d", Some(""), None),
            ]
        );
        let (value, _) = settings.get(keys::EKS_TOLERATIONS).unwrap();
        assert_eq!(
            value.to_string(),
            "[{ Key = \"a\" }, { Key = \"b\", Effect = \"NoSchedule\" }, \
             { Key = \"c\", Value = \"1\", Effect = \"NoExecute\" }, \
             { Key = \"d\", Value = \"\" }]"
        );
        let list = good("[[EKS.Tolerations]]\nKey = 'x'\n").settings;
        assert_eq!(list.tolerations(keys::EKS_TOLERATIONS).len(), 1);
        for (wrong, word) in [
            ("'x'", "a list such as"),
            ("['x']", "a list such as"),
            ("[{}]", "Key is a text"),
            ("[{ Key = 7 }]", "Key is a text"),
            ("[{ Key = 'x', Value = 7 }]", "a text in quotes"),
            ("[{ Key = 'x', Effect = 'Never' }]", "Effect is one of \"NoSchedule\""),
            ("[{ Key = 'x', Operator = 'Like' }]", "Operator is one of \"Equal\""),
            ("[{ Key = 'x', Operator = 'Exists', Value = 'y' }]", "without Value"),
            ("[{ Key = 'x', Seconds = 7 }]", "Seconds is none of them"),
            ("[{ Key = 'x', key = 'y' }]", "Key once"),
        ] {
            let message = bad(&format!("[EKS]\nTolerations = {wrong}\n"));
            assert!(message.starts_with("c.toml line 2: EKS.Tolerations must be "), "{message}");
            assert!(message.contains(word), "{message}");
        }
    }

    #[test]
    fn a_deadline_is_a_number_of_seconds_from_a_minute_on() {
        let settings = good("[EKS]\nDeadlineSeconds = 60\n").settings;
        assert_eq!(settings.number(keys::EKS_DEADLINE_SECONDS), Some(60));
        for wrong in ["59", "0", "-1", "2147483648", "'60'", "'1h'"] {
            let message = bad(&format!("[EKS]\nDeadlineSeconds = {wrong}\n"));
            assert!(message.contains("EKS.DeadlineSeconds must be a whole number"), "{message}");
        }
    }

    #[test]
    fn on_eks_an_image_for_all_jobs_or_a_rule_for_theirs_is_needed() {
        let required = |lines: &str| {
            let text = format!(
                "Backend = 'eks'\n[EKS]\nInCluster = true\nNamespace = 'n'\n{lines}\n\
                 [TaskMetadata]\nDirectory = '/x'\n"
            );
            good(&text).require(Path::new("c.toml"))
        };
        for enough in ["DefaultImage = 'a'", "AllowedImages = ['a']"] {
            required(enough).unwrap();
        }
        for (none, word) in [("", "no DefaultImage or AllowedImages"), ("AllowedImages = []", "no")]
        {
            let error = required(none).unwrap_err();
            assert!(error.message().contains(word), "{error}");
        }
    }

    #[test]
    fn an_empty_text_counts_as_absent_and_a_port_below_one_as_the_default() {
        let settings = good("[Fargate]\nPlatformVersion = ''\n[SSH]\nPort = 0\n").settings;
        assert_eq!(settings.text(keys::PLATFORM_VERSION), None);
        assert_eq!(settings.number(keys::SSH_PORT), Some(22));
    }

    #[test]
    fn what_ecs_needs_is_asked_for_by_name() {
        let error = good("\n[SSH]\n").require(Path::new("c.toml")).unwrap_err();
        let message = error.message();
        assert!(message.contains("c.toml line 2: section [SSH] has no Username"), "{message}");
        assert!(message.contains("c.toml line 2: there is no section [Fargate] with Cluster"));
        for key in [
            "Cluster",
            "Region",
            "Subnet",
            "SecurityGroup",
            "TaskDefinition",
            "Directory",
            "Username",
        ] {
            assert!(error.message().contains(key), "{key}");
        }
        good("Backend = 'local'").require(Path::new("c.toml")).unwrap();
    }

    #[test]
    fn an_unreadable_file_says_so() {
        let error = load(Path::new("/nonexistent/c.toml")).unwrap_err();
        assert!(error.to_string().contains("/nonexistent/c.toml"));
        let directory = load(Path::new("/")).unwrap_err();
        assert_eq!(directory.kind(), ErrorKind::InvalidConfig);
        let binary = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(binary.path(), b"\xff\xfe").unwrap();
        assert!(load(binary.path()).unwrap_err().message().contains("UTF-8"));
    }

    #[test]
    fn the_value_is_shown_but_not_an_external_id() {
        let value = Value::Role(crate::config::Role {
            arn: "a".into(),
            external_id: Some("hunter2".into()),
            session_name: None,
        });
        assert!(!value.to_string().contains("hunter2"));
    }
}
