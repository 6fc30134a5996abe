#![doc = include_str!("../README.md")]

mod address;
mod adopt;
mod advice;
mod chain;
mod class;
mod client;
mod client_token;
mod config;
mod credentials;
mod eni;
mod eni_answer;
mod error;
mod failure;
mod handle;
mod launch;
mod launcher;
mod placement;
mod role;
mod run_task;
mod status;
mod stop_reason;
mod tags;

pub use config::{AssumeRole, CapacityProvider, EcsConfig, EcsPace};
pub use launcher::EcsLauncher;

/// The AWS configuration that [`EcsLauncher::with_sdk_config`] takes.
pub use aws_config::SdkConfig;
