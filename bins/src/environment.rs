//! Environment variables, which are bytes and not always text.

use std::ffi::OsString;

/// Looks up an environment variable. A test can stand in for the process.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// The variables of this process.
#[must_use]
pub fn process(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

/// A variable that must be text to be of use; one that is not is as good as absent.
#[must_use]
pub fn text(get: Lookup<'_>, name: &str) -> Option<String> {
    get(name)?.into_string().ok()
}
