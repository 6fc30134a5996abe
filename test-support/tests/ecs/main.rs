//! The double over raw HTTP, signed by the AWS signer, with the real `ssh` as the visitor.

#![expect(clippy::unwrap_used, reason = "the helpers of tests may panic as tests do")]

mod agent_image;
mod api;
mod client;
mod containers;
mod definitions;
mod faults;
mod images;
mod logs;
mod rates;
mod sandboxes;
mod services;
mod tasks;
