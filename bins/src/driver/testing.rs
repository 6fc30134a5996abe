//! What the tests of decisions have in common.

use std::path::Path;

use fargate_core::Error;
use serde_json::Value;

use super::refusal::Refusal;
use crate::config::{Settings, load_text};
use crate::gitlab::JobRequest;

/// The settings of this file.
pub(super) fn settings(text: &str) -> Settings {
    load_text(text, Path::new("c.toml")).unwrap().settings
}

/// The request of a job with this response.
pub(super) fn request(response: &Value) -> JobRequest {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), response.to_string()).unwrap();
    JobRequest::from_file(file.path()).unwrap()
}

/// The error that is the author's.
#[track_caller]
pub(super) fn authors<T: std::fmt::Debug>(result: Result<T, Refusal>) -> Error {
    match result {
        Err(Refusal::Author(error)) => error,
        other => panic!("not the author's: {other:?}"),
    }
}
