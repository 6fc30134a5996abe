//! Full measurements, or each one once and small.

/// Whether this is a test run: criterion measures only when cargo passes `--bench`.
#[must_use]
pub fn is_test() -> bool {
    let mut measuring = false;
    for argument in std::env::args() {
        match argument.as_str() {
            "--test" => return true,
            "--bench" => measuring = true,
            _ => {}
        }
    }
    !measuring
}

/// `full` when measuring, `small` in a test run.
#[must_use]
pub fn size<T>(full: T, small: T) -> T {
    if is_test() { small } else { full }
}
