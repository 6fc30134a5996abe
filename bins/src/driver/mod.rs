//! The `fargate` command line and the four stages GitLab Runner calls.

mod check_config;
mod cli;
mod context;
mod decision;
mod explain;
mod gc;
mod generate;
mod image;
mod image_name;
mod job_log;
mod local_image;
mod output;
mod patterns;
mod policy;
mod refusal;
mod resources;
mod run;
mod services;
mod signals;
mod size;
mod stages;
mod task_definition;
mod task_image;
#[cfg(test)]
mod testing;

pub(crate) use self::cli::TryArgs;
pub use self::cli::{Cli, Command, ExplainArgs, PolicyCommand, Stage, compatible};
pub(crate) use self::context::{local_directory, metadata_directory};
pub(crate) use self::job_log::{say, say_error, seconds};
pub(crate) use self::policy::pull_secret;
pub use self::run::run;
pub(crate) use self::signals::cancelled_by_signal;
