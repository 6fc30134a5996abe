//! The driver as GitLab Runner calls it: the real binary, one child process per stage.

#![expect(clippy::unwrap_used, reason = "a failed expectation ends the test")]

mod checks;
mod command_line;
mod configurations;
mod crashes;
mod ecs_image;
mod ecs_policy;
mod ecs_sizes;
mod eks;
mod eks_api;
mod eks_denied;
mod eks_exec;
mod eks_fifty;
mod eks_image;
mod eks_lost;
mod eks_policy;
mod eks_reach;
mod eks_refused;
mod eks_services;
mod eks_settings;
mod eks_token;
mod eks_try;
mod eks_watch;
mod eks_ways;
mod explain;
mod faults;
mod fifty;
mod gc;
mod harness;
mod hostile;
mod jobs;
mod keys;
mod local_image;
mod messages;
mod pipeline;
mod pipelines;
mod place;
mod runner_scripts;
mod scripts;
mod settings;
mod signals;
mod streams;
mod try_job;
mod witness;
