use std::fmt::{self, Write as _};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{Result, TaskKey};

/// Names one CI job: 32 hexadecimal digits made from trusted fields.
///
/// The fixed length fits every file system and every API, whatever the fields hold.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobId(String);

impl JobId {
    /// Hashes `fields`, each with its length, so that no two lists of fields collide by
    /// concatenation.
    #[must_use]
    pub fn from_fields(fields: &[&str]) -> Self {
        let mut hash = Sha256::new();
        for field in fields {
            hash.update((field.len() as u64).to_be_bytes());
            hash.update(field.as_bytes());
        }
        let mut text = String::with_capacity(32);
        for byte in &hash.finalize()[..16] {
            // Writing to a string cannot fail.
            let _infallible = write!(text, "{byte:02x}");
        }
        Self(text)
    }

    /// The 32 digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The owner of every task of this job.
    ///
    /// # Errors
    /// None in practice: the digits always fit.
    pub fn owner(&self) -> Result<TaskKey> {
        TaskKey::new(format!("job-{}", self.0))
    }

    /// A key for a new attempt: never the same twice.
    ///
    /// # Errors
    /// None in practice: the digits always fit.
    pub(super) fn new_attempt(&self) -> Result<TaskKey> {
        TaskKey::new(format!("job-{}-{:012x}", &self.0, fastrand::u64(..) & 0xffff_ffff_ffff))
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_do_not_run_into_each_other() {
        assert_ne!(JobId::from_fields(&["ab", "c"]), JobId::from_fields(&["a", "bc"]));
        assert_ne!(JobId::from_fields(&["a"]), JobId::from_fields(&["a", ""]));
        assert_eq!(JobId::from_fields(&["a", "b"]), JobId::from_fields(&["a", "b"]));
    }

    #[test]
    fn any_field_gives_a_name_that_is_safe_as_a_file_and_in_an_api() {
        let id = JobId::from_fields(&["../../etc", "\0\n", &"x".repeat(100_000)]);
        assert_eq!(id.as_str().len(), 32);
        assert!(id.owner().unwrap().as_str().len() <= 36);
        let attempt = id.new_attempt().unwrap();
        assert_ne!(attempt, id.new_attempt().unwrap());
    }
}
