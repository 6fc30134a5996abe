//! The double over raw HTTP, with the real `ssh` as the visitor.

#![expect(clippy::unwrap_used, reason = "the helpers of tests may panic as tests do")]

mod api;
mod client;
mod containers;
mod ends;
mod exec;
mod faults;
mod lists;
mod lost;
mod pending;
mod pods;
mod portforward;
mod refused;
mod restart;
mod service;
mod socket;
mod watches;
mod writes;
