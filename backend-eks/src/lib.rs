#![doc = include_str!("../README.md")]

mod access;
mod adopt;
mod advice;
mod authorized;
mod aws;
mod call;
mod class;
mod cluster;
mod config;
mod denied;
mod ended;
mod error;
mod exec;
mod forward;
mod handle;
mod image;
mod launch;
mod launcher;
mod lines;
mod merge;
mod names;
mod pending;
mod pod;
mod profile;
mod proxy;
mod quantity;
mod reach;
mod size;
mod socket;
mod status;
mod stop;
mod stopped_keys;
mod template;
mod token;
mod watch;

pub use config::{ClusterAccess, Connect, EksConfig, EksPace, Toleration};
pub use exec::PodExec;
pub use fargate_aws_access::AssumeRole;
pub use fargate_core::AgentSetup;
pub use forward::PodPorts;
pub use launcher::EksLauncher;
pub use size::FargateSize;

/// The AWS configuration that [`EksLauncher::with_sdk_config`] takes.
pub use fargate_aws_access::SdkConfig;
