//! The `fargate` driver: a GitLab Runner custom executor for AWS Fargate and for this machine.
//!
//! A thin program over `fargate-core`: this crate reads the command line, the configuration and
//! what GitLab Runner tells, joins a launcher with a transport, and maps results to exit codes.

pub mod backends;
pub mod config;
pub mod driver;
pub mod environment;
pub mod exit;
pub mod gitlab;
mod one_line;
pub mod telemetry;
pub mod try_job;
