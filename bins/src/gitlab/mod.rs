//! What GitLab Runner tells a custom executor's driver, and what it wants to hear.

mod exit_codes;
mod job;
mod response;

pub use self::exit_codes::ExitCodes;
pub use self::job::Job;
