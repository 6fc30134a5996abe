#![doc = include_str!("../README.md")]

mod address;
mod adopt;
mod advice;
mod aws_json;
mod class;
mod client;
mod client_token;
mod config;
mod container_log;
mod deadline;
mod definition;
mod ecs_json;
mod eni;
mod eni_answer;
mod error;
mod failure;
mod handle;
mod launch;
mod launcher;
mod overrides;
mod placement;
mod run_task;
mod signed;
mod size;
mod status;
mod stop_reason;
mod tags;

pub use config::{CapacityProvider, EcsConfig, EcsPace};
pub use definition::{CollectPace, Collected, Collection, Fate, Reason};
pub use fargate_aws_access::AssumeRole;
pub use fargate_core::AgentSetup;
pub use launcher::EcsLauncher;
pub use size::EcsSize;

/// The AWS configuration that [`EcsLauncher::with_sdk_config`] takes.
pub use fargate_aws_access::SdkConfig;
