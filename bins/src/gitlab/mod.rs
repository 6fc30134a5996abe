//! What GitLab Runner tells a custom executor's driver, and what it wants to hear.

mod exit_codes;
mod image;
mod job;
mod request;
mod response;
mod service;
pub mod stages;
mod variables;

pub use self::exit_codes::ExitCodes;
pub use self::image::JobImage;
pub use self::job::Job;
pub use self::request::{JobRequest, JobSource};
pub use self::service::{JobService, PORT_VARIABLE};
