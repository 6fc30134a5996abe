//! Archives.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use hyper::body::Bytes;

/// Archives by their keys.
#[derive(Debug, Default)]
pub(super) struct Store(Mutex<BTreeMap<String, Bytes>>);

/// The key of a job's artifacts.
pub(super) fn artifacts(job: u64) -> String {
    format!("artifacts/{job}")
}

/// The key of a cache.
pub(super) fn cache(name: &str) -> String {
    format!("cache/{name}")
}

impl Store {
    pub(super) fn get(&self, key: &str) -> Option<Bytes> {
        self.archives().get(key).cloned()
    }

    pub(super) fn put(&self, key: String, archive: Bytes) {
        self.archives().insert(key, archive);
    }

    fn archives(&self) -> MutexGuard<'_, BTreeMap<String, Bytes>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The content of the one file of a form (RFC 7578), given the form's content type.
pub(super) fn file_of_form(content_type: &str, form: &Bytes) -> Option<Bytes> {
    let boundary = content_type.strip_prefix("multipart/form-data; boundary=")?;
    let start = find(form, b"\r\n\r\n")? + 4;
    let end = find(&form[start..], format!("\r\n--{boundary}--").as_bytes())?;
    let head = std::str::from_utf8(&form[..start]).ok()?;
    let is_file = head.starts_with(&format!("--{boundary}\r\n")) && head.contains("name=\"file\"");
    is_file.then(|| form.slice(start..start + end))
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_of_a_form_is_found() {
        let form =
            "--b\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n\x01\r\n2\r\n--b--\r\n";
        let form = Bytes::from(form);
        let file = file_of_form("multipart/form-data; boundary=b", &form);
        assert_eq!(file.as_deref(), Some(&b"\x01\r\n2"[..]));
        assert_eq!(file_of_form("multipart/form-data; boundary=c", &form), None);
        assert_eq!(file_of_form("text/plain", &form), None);
    }
}
