//! What the measurements share: servers, clients as processes, a slow path, figures.
//!
//! `cargo bench -p fargate-benches` measures the transport by itself;
//! `cargo run --release -p fargate-benches --bin peers` puts it beside other SSH clients.

pub mod args;
pub mod bench;
pub mod child;
pub mod mode;
pub mod peers;
pub mod process;
pub mod programs;
pub mod quick_ack;
pub mod relay;
pub mod session;
pub mod sink;
pub mod site;
pub mod source;
pub mod stats;
pub mod workload;
