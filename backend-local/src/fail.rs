//! Errors of the file system, in the terms of the contract.

use std::io;
use std::path::Path;

use fargate_core::{Error, ErrorKind};

/// What `error` on `path` means to whoever wanted to do `op`.
pub(crate) fn on_path(op: &'static str, path: &Path, error: io::Error) -> Error {
    let (kind, hint) = match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => (
            ErrorKind::PermissionDenied,
            "let this user write there, or configure another directory for local tasks",
        ),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            (ErrorKind::Capacity, "free some space, or configure a directory on another disk")
        }
        io::ErrorKind::NotADirectory
        | io::ErrorKind::AlreadyExists
        | io::ErrorKind::InvalidFilename => {
            (ErrorKind::InvalidConfig, "configure a directory for local tasks that is one")
        }
        _ => (ErrorKind::Unexpected, "check the directory for local tasks and its file system"),
    };
    Error::new(kind, op, format!("{}: {error}", path.display()))
        .with("path", path.display().to_string())
        .hint(hint)
        .source(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_and_a_closed_directory_say_what_to_do() {
        for (cause, kind) in [
            (io::ErrorKind::StorageFull, ErrorKind::Capacity),
            (io::ErrorKind::PermissionDenied, ErrorKind::PermissionDenied),
            (io::ErrorKind::NotADirectory, ErrorKind::InvalidConfig),
        ] {
            let error = on_path("start task", Path::new("/x"), cause.into());
            assert_eq!(error.kind(), kind);
            assert!(error.advice().is_some() && error.message().contains("/x"));
        }
    }
}
