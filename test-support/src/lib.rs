//! What stands in for AWS and for a task host in this workspace's tests.

pub mod agent;
pub mod binaries;
pub mod ecs;
pub mod http;
pub mod moto;
pub mod sshd;
