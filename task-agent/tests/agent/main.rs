//! The agent's program, seen from outside: by OpenSSH's client and by an SSH library.

#![expect(clippy::unwrap_used, reason = "a failed expectation ends the test")]

mod common;
mod ends;
mod exec;
mod protocol;
mod wait_port;
