#![doc = include_str!("../README.md")]

mod cancel;
mod command;
mod config;
mod connect;
mod error;
mod exec;
mod follow;
mod hostkey;
mod key;
mod preamble;
mod socket;
mod tail;
mod target;
mod wrapper;

pub use config::SshConfig;
pub use exec::SshExec;
pub use key::SshKey;
