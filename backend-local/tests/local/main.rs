//! Real agents on this machine.

#![expect(clippy::unwrap_used, reason = "a failed expectation ends the test")]

mod common;
mod conformance;
mod crashes;
mod leavings;
mod life;
mod trust;
