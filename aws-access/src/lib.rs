#![doc = include_str!("../README.md")]

mod access;
mod advice;
mod assume_role;
mod call;
pub mod chain;
mod class;
mod credentials;
mod error;
pub mod partition;
mod role;
mod sizes;
mod trouble;

pub use access::AwsAccess;
pub use advice::denied_action;
pub use assume_role::AssumeRole;
pub use call::{Call, Service};
pub use credentials::CredentialSource;
pub use error::{Refusal, from_sdk, refused, unanswered, unknown};
pub use sizes::{FARGATE_SIZES, smallest_size};

/// The AWS configuration that [`AwsAccess::open`] takes and gives.
pub use aws_config::SdkConfig;
