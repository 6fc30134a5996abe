#![doc = include_str!("../README.md")]

mod commands;
mod config;
mod connect;
mod error;
mod exec;
mod hang_up;
mod hostkey;
mod key;
mod secret;
mod session;
mod socket;
mod target;

pub use config::SshConfig;
pub use exec::SshExec;
pub use key::SshKey;
pub use secret::new_host_secret;
