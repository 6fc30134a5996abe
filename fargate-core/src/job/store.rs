use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use serde::Deserialize;
use serde_json::error::Category;
use zeroize::Zeroizing;

use super::{JobId, JobRecord};
use crate::{Error, ErrorKind, Result};

/// A record larger than this was not written by us.
const MAX_BYTES: u64 = 1 << 20;

/// One small file per job, in one directory that nobody else can write.
///
/// Files are mode 0600, written whole or not at all, and named by [`JobId`] alone: nothing a
/// job's author sets becomes part of a path. The calls are synchronous and short.
#[derive(Debug, Clone)]
pub struct HandleStore {
    directory: PathBuf,
}

impl HandleStore {
    /// Opens `directory`, creating it with mode 0700 if it is missing.
    ///
    /// # Errors
    /// `Untrusted` when others can write the directory, `InvalidConfig` when it cannot be used.
    pub fn open(directory: impl Into<PathBuf>) -> Result<Self> {
        let directory = directory.into();
        let op = "open the metadata directory";
        let failed = |why: &str, error: io::Error| {
            Error::new(
                ErrorKind::InvalidConfig,
                op,
                format!("{}: {why}: {error}", directory.display()),
            )
            .hint("create it, writable for the user GitLab Runner runs as and for nobody else")
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&directory)
            .map_err(|error| failed("cannot be created", error))?;
        let metadata = fs::metadata(&directory).map_err(|e| failed("cannot be read", e))?;
        if let Some(why) = distrust(&metadata) {
            return Err(Error::new(
                ErrorKind::Untrusted,
                op,
                format!("{} {why}, and it holds the keys of running jobs", directory.display()),
            )
            .hint(format!(
                "chmod 0700 {0}; chown it to the user of GitLab Runner",
                directory.display()
            )));
        }
        Ok(Self { directory })
    }

    /// The file of `job`.
    #[must_use]
    pub fn path(&self, job: &JobId) -> PathBuf {
        self.directory.join(format!("{job}.json"))
    }

    /// Reads the record of `job`; `None` when there is none.
    ///
    /// # Errors
    /// `Unsupported` for a record of a newer program, `Untrusted` when the file is not ours alone,
    /// `Unexpected` when it is damaged or unreadable.
    pub fn load(&self, job: &JobId) -> Result<Option<JobRecord>> {
        let path = self.path(job);
        let op = "read the job's metadata";
        let failed = |kind, why: String| {
            let hint = match kind {
                ErrorKind::Unsupported => {
                    "use the program version that prepared the job, or a newer one"
                }
                ErrorKind::Untrusted => {
                    "somebody else wrote there: see who can; then retry the job"
                }
                _ => "check the metadata directory and its disk, then retry the job",
            };
            Error::new(kind, op, format!("{}: {why}", path.display())).hint(hint)
        };
        let nofollow = OFlags::NOFOLLOW.bits().cast_signed();
        let file = match OpenOptions::new().read(true).custom_flags(nofollow).open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                return Err(failed(ErrorKind::Unexpected, "cannot be opened".into()).source(error));
            }
        };
        let metadata = file
            .metadata()
            .map_err(|e| failed(ErrorKind::Unexpected, "cannot be examined".into()).source(e))?;
        if !metadata.is_file() {
            return Err(failed(ErrorKind::Untrusted, "it is not a plain file".into()));
        }
        if let Some(why) = distrust(&metadata) {
            return Err(failed(ErrorKind::Untrusted, format!("it {why}")));
        }
        let mut text = Zeroizing::new(String::new());
        file.take(MAX_BYTES)
            .read_to_string(&mut text)
            .map_err(|e| failed(ErrorKind::Unexpected, "cannot be read".into()).source(e))?;
        let record = parse(&text).map_err(|(kind, why)| failed(kind, why))?;
        if record.job != *job {
            return Err(failed(ErrorKind::Untrusted, "it belongs to another job".into()));
        }
        Ok(Some(record))
    }

    /// Writes the record: all of it, or nothing and the old one stays.
    ///
    /// # Errors
    /// `Unexpected` with the file system's reason, such as a full disk.
    pub fn save(&self, record: &JobRecord) -> Result<()> {
        let path = self.path(&record.job);
        let temporary = self.directory.join(format!(
            "{}{:016x}",
            temporary_prefix(&record.job),
            fastrand::u64(..)
        ));
        let text = serde_json::to_vec(record).map(Zeroizing::new).map_err(|error| {
            Error::new(ErrorKind::Unexpected, "write the job's metadata", "not serialisable")
                .source(error)
        })?;
        write_then_rename(&temporary, &path, &text, &self.directory).map_err(|error| {
            // Best effort: the error that is reported is the one that matters.
            let _gone = fs::remove_file(&temporary);
            Error::new(
                ErrorKind::Unexpected,
                "write the job's metadata",
                format!("{}: {error}", path.display()),
            )
            .hint("check free space, inodes and rights of the metadata directory")
        })
    }

    /// Removes the record of `job`, and what an interrupted write may have left.
    ///
    /// # Errors
    /// `Unexpected` with the file system's reason. A record that is gone already is fine.
    pub fn remove(&self, job: &JobId) -> Result<()> {
        let failed = |path: &Path, error: io::Error| {
            Error::new(
                ErrorKind::Unexpected,
                "remove the job's metadata",
                format!("{}: {error}", path.display()),
            )
        };
        let prefix = temporary_prefix(job);
        let entries = fs::read_dir(&self.directory).map_err(|e| failed(&self.directory, e))?;
        let leftovers = entries
            .filter_map(Result::ok)
            .filter(|entry| entry.file_name().to_string_lossy().starts_with(&prefix))
            .map(|entry| entry.path());
        for path in leftovers.chain([self.path(job)]) {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(failed(&path, error));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

fn temporary_prefix(job: &JobId) -> String {
    format!(".{job}.tmp-")
}

fn write_then_rename(
    temporary: &Path,
    path: &Path,
    text: &[u8],
    directory: &Path,
) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(temporary)?;
    file.write_all(text)?;
    file.sync_all()?;
    fs::rename(temporary, path)?;
    File::open(directory)?.sync_all()
}

/// Why somebody else could have written this, if so.
fn distrust(metadata: &fs::Metadata) -> Option<&'static str> {
    let us = rustix::process::geteuid().as_raw();
    if metadata.mode() & 0o002 != 0 {
        Some("can be written by everybody")
    } else if metadata.mode() & 0o020 != 0 && metadata.gid() != rustix::process::getegid().as_raw()
    {
        Some("can be written by another group")
    } else if metadata.uid() != us && metadata.uid() != 0 {
        Some("belongs to another user")
    } else {
        None
    }
}

fn parse(text: &str) -> Result<JobRecord, (ErrorKind, String)> {
    /// Only the version: a newer record may differ in everything else.
    #[derive(Deserialize)]
    struct Version {
        version: u32,
    }
    // serde_json's message may quote a value, and values here are secrets: only the place is told.
    let damaged = |error: serde_json::Error| {
        let what = match error.classify() {
            Category::Eof => "it ends too early",
            Category::Data => "a field is missing or wrong",
            Category::Syntax | Category::Io => "it is not JSON",
        };
        let place = format!("line {} column {}", error.line(), error.column());
        (ErrorKind::Unexpected, format!("it is damaged: {what}, at {place}"))
    };
    let Version { version } = serde_json::from_str(text).map_err(damaged)?;
    if version > JobRecord::VERSION {
        return Err((
            ErrorKind::Unsupported,
            format!("it has version {version}; this program reads up to {}", JobRecord::VERSION),
        ));
    }
    serde_json::from_str(text).map_err(damaged)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::job::{Credential, SecretText};
    use crate::{PullPolicy, TaskImage};

    fn record(job: &JobId) -> JobRecord {
        let private = Some(SecretText::new(Zeroizing::new("hunter2".to_owned())));
        let credential = Credential { public: "ssh-ed25519 A".into(), private, host_secret: None };
        JobRecord::new(job.clone(), job.new_attempt().unwrap(), credential)
    }

    fn store() -> (tempfile::TempDir, HandleStore, JobId) {
        let root = tempfile::tempdir().unwrap();
        let store = HandleStore::open(root.path().join("metadata")).unwrap();
        (root, store, JobId::from_fields(&["test"]))
    }

    #[test]
    fn a_record_is_private_and_comes_back() {
        let (_root, store, job) = store();
        assert!(store.load(&job).unwrap().is_none());
        let written = record(&job);
        store.save(&written).unwrap();
        let mode = fs::metadata(store.path(&job)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let read = store.load(&job).unwrap().unwrap();
        assert_eq!(read.key, written.key);
        assert_eq!(read.credential.private.unwrap().expose(), "hunter2");
        store.remove(&job).unwrap();
        store.remove(&job).unwrap();
        assert_eq!(fs::read_dir(store.directory).unwrap().count(), 0);
    }

    #[test]
    fn the_image_is_part_of_a_record_and_a_record_without_one_is_good() {
        let (_root, store, job) = store();
        let mut written = record(&job);
        store.save(&written).unwrap();
        let text = fs::read_to_string(store.path(&job)).unwrap();
        assert!(!text.contains("image"), "{text}");
        assert_eq!(store.load(&job).unwrap().unwrap().needs.image, None);
        let image = TaskImage::new("registry/a:1").entrypoint(["/init", "$(x)"]);
        written.needs.image = Some(image.pull_policy(PullPolicy::IfNotPresent));
        store.save(&written).unwrap();
        assert_eq!(store.load(&job).unwrap().unwrap().needs, written.needs);
    }

    #[test]
    fn damaged_records_are_errors_that_show_no_secret() {
        let (_root, store, job) = store();
        store.save(&record(&job)).unwrap();
        let whole = fs::read_to_string(store.path(&job)).unwrap();
        let swapped = whole.replace("\"hunter2\"", "{\"hunter2\":1}");
        for text in ["", "not json", "{}", &whole[..whole.len() / 2], "[1]", &swapped, "\u{0}"] {
            fs::write(store.path(&job), text).unwrap();
            let error = store.load(&job).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unexpected, "{text:?}");
            assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
        }
        fs::write(store.path(&job), b"\xff\xfe").unwrap();
        assert_eq!(store.load(&job).unwrap_err().kind(), ErrorKind::Unexpected);
    }

    #[test]
    fn a_newer_record_is_named_as_such() {
        let (_root, store, job) = store();
        store.save(&record(&job)).unwrap();
        fs::write(store.path(&job), r#"{"version":2,"else":"entirely"}"#).unwrap();
        assert_eq!(store.load(&job).unwrap_err().kind(), ErrorKind::Unsupported);
    }

    #[test]
    fn what_others_could_have_written_is_refused() {
        let (root, store, job) = store();
        store.save(&record(&job)).unwrap();
        fs::set_permissions(store.path(&job), fs::Permissions::from_mode(0o666)).unwrap();
        assert_eq!(store.load(&job).unwrap_err().kind(), ErrorKind::Untrusted);

        let other = root.path().join("elsewhere");
        fs::write(&other, "{}").unwrap();
        fs::remove_file(store.path(&job)).unwrap();
        std::os::unix::fs::symlink(&other, store.path(&job)).unwrap();
        assert!(store.load(&job).is_err(), "a symbolic link is not followed");

        let open = root.path().join("open");
        fs::create_dir(&open).unwrap();
        fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
        assert_eq!(HandleStore::open(&open).unwrap_err().kind(), ErrorKind::Untrusted);
    }

    #[test]
    fn a_record_under_another_jobs_name_is_refused() {
        let (_root, store, job) = store();
        store.save(&record(&job)).unwrap();
        let other = JobId::from_fields(&["other"]);
        fs::rename(store.path(&job), store.path(&other)).unwrap();
        assert_eq!(store.load(&other).unwrap_err().kind(), ErrorKind::Untrusted);
    }

    #[test]
    fn a_failed_write_leaves_the_old_record() {
        // Writing fails because the directory is gone from under the store.
        let (root, store, job) = store();
        store.save(&record(&job)).unwrap();
        let moved = root.path().join("moved");
        fs::rename(&store.directory, &moved).unwrap();
        let error = store.save(&record(&job)).unwrap_err();
        assert!(error.advice().is_some());
        fs::rename(&moved, &store.directory).unwrap();
        assert!(store.load(&job).unwrap().is_some());
    }

    #[test]
    fn a_directory_that_cannot_be_made_is_the_operators_error() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = HandleStore::open(file.path().join("below")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
    }
}
