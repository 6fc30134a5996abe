//! What this machine knows to be registered.

use std::collections::BTreeMap;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Base;
use crate::config::EcsConfig;
use crate::handle;

/// Another one means another format.
const VERSION: u32 = 1;
/// A file that is longer is not ours.
const MAX_BYTES: u64 = 16 * 1024 * 1024;
/// Seconds after which what was not used is forgotten: it costs one question to learn it again.
const KEPT: u64 = 90 * 24 * 60 * 60;
/// Seconds within which a use is not written down again.
const NOTED: u64 = 60 * 60;

/// A file that may be lost or damaged at any time: it then costs some calls, and no launch fails.
#[derive(Debug)]
pub(crate) struct Cache {
    file: PathBuf,
    /// The lock that belongs to it.
    pub(super) lock: PathBuf,
}

#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Content {
    version: u32,
    /// Base definitions that cannot change, by the name in the settings.
    bases: BTreeMap<String, Used<Base>>,
    /// ARNs of derived definitions by their families.
    families: BTreeMap<String, Used<String>>,
    /// The day on which this machine last wrote on a derived definition that it is used.
    #[serde(default)]
    marked: BTreeMap<String, String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Used<T> {
    value: T,
    /// Seconds since 1970.
    used: u64,
}

impl Content {
    pub(super) fn base(&self, name: &str) -> Option<&Base> {
        self.bases.get(name).map(|base| &base.value)
    }

    pub(super) fn arn(&self, family: &str) -> Option<&str> {
        self.families.get(family).map(|arn| arn.value.as_str())
    }

    pub(super) fn put_base(&mut self, name: &str, base: Base) {
        self.bases.insert(name.to_owned(), Used { value: base, used: handle::now() });
    }

    pub(super) fn put_arn(&mut self, family: &str, arn: &str) {
        let arn = Used { value: arn.to_owned(), used: handle::now() };
        self.families.insert(family.to_owned(), arn);
    }

    pub(super) fn marked(&self, family: &str) -> Option<&str> {
        self.marked.get(family).map(String::as_str)
    }

    pub(super) fn put_mark(&mut self, family: &str, day: &str) {
        self.marked.insert(family.to_owned(), day.to_owned());
    }

    pub(super) fn forget(&mut self, base: &str, family: &str) {
        self.bases.remove(base);
        self.families.remove(family);
    }

    pub(super) fn forget_arn(&mut self, arn: &str) {
        self.families.retain(|_, known| known.value != arn);
    }

    /// Whether it is time to write down that these are in use.
    pub(super) fn is_stale(&self, base: &str, family: &str) -> bool {
        let old = |used: u64| used.saturating_add(NOTED) < handle::now();
        self.bases.get(base).is_some_and(|base| old(base.used))
            || self.families.get(family).is_some_and(|arn| old(arn.used))
    }

    pub(super) fn note_use(&mut self, base: &str, family: &str) {
        if let Some(base) = self.bases.get_mut(base) {
            base.used = handle::now();
        }
        if let Some(arn) = self.families.get_mut(family) {
            arn.used = handle::now();
        }
    }

    fn prune(&mut self) {
        let young = |used: u64| used.saturating_add(KEPT) > handle::now();
        self.bases.retain(|_, base| young(base.used));
        self.families.retain(|_, arn| young(arn.used));
        self.marked.retain(|family, _| self.families.contains_key(family));
    }
}

impl Cache {
    /// The cache in `directory` for whatever `config` reaches in `region`: several configurations
    /// may share a directory, and the same names mean other things elsewhere.
    pub(super) fn new(directory: &Path, config: &EcsConfig, region: &str) -> Self {
        let role = config.assume_role.as_ref().map(|role| role.arn.as_str());
        let place = serde_json::json!([region, config.endpoint_url, role]).to_string();
        let digest = Sha256::digest(place);
        let digest: String = digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        let name = format!("ecs-definitions-{digest}");
        Self {
            file: directory.join(format!("{name}.json")),
            lock: directory.join(format!("{name}.lock")),
        }
    }

    /// What is known; nothing where there is no file, or none to trust.
    pub(super) fn load(&self) -> Content {
        let read = read(&self.file).and_then(|text| {
            let content: Content = serde_json::from_str(&text)
                // serde_json's message may quote a value.
                .map_err(|_| io::Error::other("it is damaged"))?;
            if content.version == VERSION {
                Ok(content)
            } else {
                Err(io::Error::other("it is of another version"))
            }
        });
        match read {
            Ok(content) => content,
            Err(error) => {
                if error.kind() != io::ErrorKind::NotFound {
                    tracing::debug!(file = %self.file.display(), %error, "the cache is not used");
                }
                Content::default()
            }
        }
    }

    /// Changes what is known.
    ///
    /// Of two changes at once, without the lock, one may be lost; the file is always whole.
    pub(super) fn update(&self, change: impl FnOnce(&mut Content)) {
        let mut content = self.load();
        change(&mut content);
        content.prune();
        content.version = VERSION;
        if let Err(error) = self.write(&content) {
            tracing::debug!(file = %self.file.display(), %error, "the cache is not written");
        }
    }

    fn write(&self, content: &Content) -> io::Result<()> {
        make_directory_of(&self.file)?;
        let text = serde_json::to_vec(content)?;
        let temporary = self.file.with_extension(format!("tmp-{:016x}", fastrand::u64(..)));
        let written = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&temporary)
            .and_then(|mut file| file.write_all(&text))
            .and_then(|()| std::fs::rename(&temporary, &self.file));
        if written.is_err() {
            // Best effort: the error that is told is the one that matters.
            let _gone = std::fs::remove_file(&temporary);
        }
        written
    }
}

/// Makes the directory of a file where it is missing.
pub(super) fn make_directory_of(file: &Path) -> io::Result<()> {
    match file.parent() {
        Some(directory) => DirBuilder::new().recursive(true).mode(0o700).create(directory),
        None => Ok(()),
    }
}

/// Reads a file that only we, or root, could have written: it decides what is run.
fn read(path: &Path) -> io::Result<String> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    let us = rustix::process::geteuid().as_raw();
    if !metadata.is_file() || metadata.mode() & 0o022 != 0 || ![us, 0].contains(&metadata.uid()) {
        return Err(io::Error::other("others could have written it"));
    }
    let mut text = String::new();
    file.take(MAX_BYTES).read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn cache() -> (tempfile::TempDir, Cache) {
        let root = tempfile::tempdir().unwrap();
        let config = EcsConfig::new("ci", "base:1");
        let cache = Cache::new(&root.path().join("below/it"), &config, "eu-west-1");
        (root, cache)
    }

    fn base() -> Base {
        let answer = serde_json::json!({"taskDefinition": {"family": "base", "cpu": "256"}});
        Base::read(answer).unwrap()
    }

    #[test]
    fn what_is_put_is_found_again_and_private() {
        let (_root, cache) = cache();
        assert_eq!(cache.load().arn("f"), None);
        cache.update(|content| content.put_arn("f", "arn:f:1"));
        cache.update(|content| content.put_base("base:1", base()));
        assert_eq!(cache.load().arn("f"), Some("arn:f:1"));
        assert_eq!(cache.load().base("base:1"), Some(&base()));
        let mode = fs::metadata(&cache.file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        cache.update(|content| content.forget("base:1", "f"));
        assert_eq!((cache.load().arn("f"), cache.load().base("base:1")), (None, None));
        assert_eq!(fs::read_dir(cache.file.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn a_damaged_newer_or_foreign_file_is_as_good_as_none_and_replaced() {
        let (_root, cache) = cache();
        cache.update(|content| content.put_arn("f", "arn:f:1"));
        let whole = fs::read_to_string(&cache.file).unwrap();
        let newer = whole.replace("\"version\":1", "\"version\":2");
        assert_ne!(newer, whole);
        for text in ["", "[]", "{}", &whole[..whole.len() / 2], &newer, "\u{0}"] {
            fs::write(&cache.file, text).unwrap();
            assert_eq!(cache.load().arn("f"), None, "{text}");
            cache.update(|content| content.put_arn("g", "arn:g:1"));
            assert_eq!(cache.load().arn("g"), Some("arn:g:1"));
        }
        fs::write(&cache.file, b"\xff\xfe").unwrap();
        assert_eq!(cache.load().arn("f"), None);
        fs::write(&cache.file, &whole).unwrap();
        assert_eq!(cache.load().arn("f"), Some("arn:f:1"));
        fs::set_permissions(&cache.file, fs::Permissions::from_mode(0o666)).unwrap();
        assert_eq!(cache.load().arn("f"), None, "others could have written it");
        cache.update(|content| content.put_arn("g", "arn:g:1"));
        assert_eq!(cache.load().arn("g"), Some("arn:g:1"));
    }

    #[test]
    fn a_place_that_cannot_be_written_is_borne() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let config = EcsConfig::new("ci", "base:1");
        let cache = Cache::new(file.path(), &config, "eu-west-1");
        cache.update(|content| content.put_arn("f", "arn:f:1"));
        assert_eq!(cache.load().arn("f"), None);
    }

    #[test]
    fn what_was_not_used_for_long_is_forgotten_and_a_use_is_noted() {
        let (_root, cache) = cache();
        cache.update(|content| {
            for (family, age) in [("old", KEPT + 10), ("used", NOTED + 10), ("young", 0)] {
                content.put_arn(family, "arn");
                content.families.get_mut(family).unwrap().used -= age;
            }
        });
        let content = cache.load();
        assert_eq!((content.arn("old"), content.arn("used")), (None, Some("arn")));
        assert!(content.is_stale("", "used") && !content.is_stale("", "young"));
        cache.update(|content| content.note_use("", "used"));
        assert!(!cache.load().is_stale("", "used"));
    }

    #[test]
    fn a_mark_goes_with_its_definition() {
        let (_root, cache) = cache();
        for family in ["f", "g"] {
            cache.update(|content| {
                content.put_arn(family, &format!("arn:{family}:1"));
                content.put_mark(family, "2026-11-21");
            });
        }
        assert_eq!(cache.load().marked("f"), Some("2026-11-21"));
        cache.update(|content| content.forget_arn("arn:f:1"));
        let content = cache.load();
        assert_eq!((content.arn("f"), content.marked("f")), (None, None));
        assert_eq!((content.arn("g"), content.marked("g")), (Some("arn:g:1"), Some("2026-11-21")));
    }

    #[test]
    fn another_place_has_another_file() {
        let directory = Path::new("/d");
        let mut config = EcsConfig::new("ci", "base:1");
        let here = Cache::new(directory, &config, "eu-west-1").file;
        assert_ne!(here, Cache::new(directory, &config, "us-east-1").file);
        config.endpoint_url = Some("http://127.0.0.1:1".to_owned());
        assert_ne!(here, Cache::new(directory, &config, "eu-west-1").file);
    }
}
