//! Names that mean this machine, in the file that resolvers read first; hosts(5).

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// The file.
pub(crate) const FILE: &str = "/etc/hosts";
/// What the names mean. Not `::1` as well: what listens on every address has this one too, and a
/// client that tried the other one first would be refused by what listens on IPv4 alone.
const ADDRESS: &str = "127.0.0.1";

/// A host name: letters, digits, `-` and `_` in labels of at most 63, at most 253 in all.
///
/// The underscore is in no RFC, but in the names GitLab derives from an image (`tutum__wordpress`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostName(String);

impl HostName {
    /// Reads one name.
    ///
    /// # Errors
    /// A sentence, when it is no host name.
    pub fn new(name: &str) -> Result<Self, String> {
        let part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let label = |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(part);
        if name.len() <= 253 && !name.starts_with('-') && name.split('.').all(label) {
            Ok(Self(name.to_owned()))
        } else {
            Err(format!("{name:?} is no host name"))
        }
    }

    /// Reads names that are separated by white space; there may be none.
    ///
    /// # Errors
    /// A sentence about the first one that is no host name.
    pub fn list(names: &str) -> Result<Vec<Self>, String> {
        names.split_whitespace().map(Self::new).collect()
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Adds the names that are not there yet. Where that cannot be done the log says which of them
/// resolve to nothing: a job that does not use them runs all the same.
pub(crate) fn add(file: &Path, names: &[HostName]) {
    if names.is_empty() {
        return;
    }
    let there = std::fs::read(file).unwrap_or_default();
    let missing = missing(&String::from_utf8_lossy(&there), names);
    if let Err(error) = append(file, &missing) {
        let names = missing.iter().map(|name| name.0.as_str()).collect::<Vec<_>>().join(" ");
        tracing::warn!(
            "{} cannot be written to ({error}), so these names of services do not resolve: {names}. \
             Run the container as root with a root file system that can be written to, or use \
             {ADDRESS}",
            file.display()
        );
    }
}

/// Those that no line gives the address, each once.
fn missing<'a>(text: &str, names: &'a [HostName]) -> Vec<&'a HostName> {
    let known = |name: &str| {
        text.lines().any(|line| {
            let line = line.split('#').next().unwrap_or_default();
            let mut words = line.split_whitespace();
            words.next() == Some(ADDRESS) && words.any(|word| word.eq_ignore_ascii_case(name))
        })
    };
    let mut missing = Vec::<&HostName>::new();
    for name in names {
        let twice = missing.iter().any(|one| one.0.eq_ignore_ascii_case(&name.0));
        if !twice && !known(&name.0) {
            missing.push(name);
        }
    }
    missing
}

/// Appends a line for each name in one write, because containers of a pod share the file.
fn append(path: &Path, names: &[&HostName]) -> io::Result<()> {
    if names.is_empty() {
        return Ok(());
    }
    let mut file =
        OpenOptions::new().read(true).append(true).create(true).mode(0o644).open(path)?;
    let mut lines = String::new();
    if !ends_a_line(&mut file)? {
        lines.push('\n');
    }
    for name in names {
        lines.push_str(&format!("{ADDRESS} {name}\n"));
    }
    file.write_all(lines.as_bytes())
}

/// Whether what is appended starts a line.
fn ends_a_line(file: &mut File) -> io::Result<bool> {
    let mut text = Vec::new();
    file.read_to_end(&mut text)?;
    Ok(text.last().is_none_or(|byte| *byte == b'\n'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<HostName> {
        HostName::list(text).unwrap()
    }

    #[test]
    fn only_host_names_are_taken() {
        let long = "a".repeat(63);
        for name in ["db", "tutum__wordpress", "db-1.example.com", "POSTGRES", long.as_str()] {
            assert!(HostName::new(name).is_ok(), "{name}");
        }
        let longer = "a".repeat(64);
        let longest = vec![long; 4].join(".");
        let bad = [
            "",
            ".",
            "db.",
            ".db",
            "a..b",
            "-db",
            "a b",
            "a\nb",
            "a#b",
            "a/b",
            "é",
            "a:b",
            longer.as_str(),
            longest.as_str(),
        ];
        for name in bad {
            assert!(HostName::new(name).is_err(), "{name:?}");
        }
        assert!(HostName::list("db d/b").unwrap_err().contains("\"d/b\""));
        assert!(HostName::list("  ").unwrap().is_empty());
    }

    #[test]
    fn names_are_added_once_on_lines_of_their_own() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("hosts");
        std::fs::write(&file, "127.0.0.1 localhost # db\n10.0.0.7 cache\n127.0.0.1 Web").unwrap();
        let wanted = names("db cache web db DB");
        add(&file, &wanted);
        add(&file, &wanted);
        let text = std::fs::read_to_string(&file).unwrap();
        let added = "127.0.0.1 localhost # db\n10.0.0.7 cache\n127.0.0.1 Web\n\
                     127.0.0.1 db\n127.0.0.1 cache\n";
        assert_eq!(text, added);
    }

    #[test]
    fn a_file_that_is_not_there_is_made() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("hosts");
        add(&file, &[]);
        assert!(!file.exists());
        add(&file, &names("db"));
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "127.0.0.1 db\n");
    }
}
