//! What stands in for AWS, Kubernetes and a task host in this workspace's tests.

mod address;
pub mod agent;
pub mod binaries;
pub mod contained;
mod container;
pub mod ecs;
pub mod eks;
pub mod gitlab;
mod host;
pub mod http;
pub mod images;
mod json;
pub mod moto;
mod random;
pub mod rootfs;
mod signature;
pub mod sshd;
mod sts;
pub mod visitor;
mod xml;
