//! The driver as GitLab Runner calls it: the real binary, one child process per stage.

#![expect(clippy::unwrap_used, reason = "a failed expectation ends the test")]

mod checks;
mod command_line;
mod configurations;
mod crashes;
mod eks;
mod eks_image;
mod eks_reach;
mod eks_settings;
mod eks_watch;
mod faults;
mod fifty;
mod harness;
mod hostile;
mod jobs;
mod keys;
mod messages;
mod place;
mod scripts;
mod settings;
mod signals;
mod streams;
mod try_job;
mod witness;
