//! A double of the parts of AWS that a Fargate task launcher talks to.
//!
//! [`EcsDouble`] is an HTTP server on loopback that answers ECS and CloudWatch Logs `GetLogEvents`
//! (JSON 1.1), EC2 `DescribeNetworkInterfaces` and STS (query protocol) at one address; set it as
//! `AWS_ENDPOINT_URL`. It checks request signatures, validates what ECS validates, and walks tasks
//! through their states. A task is real: an sshd or an agent at an address of its own in 127/8, or
//! with [`EcsOptions::images`] the containers of its definition, each in its own root file system.
//!
//! What AWS does on a bad day is scripted with [`Fault`]; what it does on a busy one with
//! [`RateLimits`].

mod api_error;
mod containers;
mod definition;
mod dispatch;
mod double;
mod end;
mod faults;
mod ids;
mod images;
mod lifecycle;
mod ops;
mod options;
mod rate;
mod request;
mod server;
mod state;
mod tags;
mod task;
mod task_json;
mod view;

pub use self::double::EcsDouble;
pub use self::end::TaskEnd;
pub use self::faults::Fault;
pub use self::images::{AGENT_IMAGE, AgentImages};
pub use self::options::{EcsOptions, StateDelays, TaskDefinition};
pub use self::rate::{Bucket, RateLimits};
pub use self::view::{ContainerView, TaskView};
pub use crate::container::{HOST_ADDRESS, ImageRoot};
pub use crate::host::TaskProgram;
pub use crate::sts::AssumableRole;
