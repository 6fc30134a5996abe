//! A double of the parts of Kubernetes and EKS that a Fargate task launcher talks to.
//!
//! [`EksDouble`] is an HTTP server on loopback that answers the Kubernetes API for pods, events,
//! config maps and namespaces, the EKS service API for a cluster and its Fargate profiles, and STS
//! `AssumeRole`. It checks bearer tokens and AWS signatures, validates and fills in what an API
//! server does, and walks pods through their lives. A pod is real: an sshd, an agent or its own
//! command, with an address of its own in 127/8, or with [`EksOptions::images`] its containers,
//! each in its own root file system. So are the commands run in it and the ports
//! forwarded to it over WebSockets ([`StreamOptions`]). It is written with raw JSON, so that it is
//! a witness independent of client crates.
//!
//! What an API server does on a bad day is scripted with [`Fault`], what happens to a pod that
//! starts with [`PodFault`], and how a running one ends with [`PodEnd`].

mod call;
mod cluster;
mod containers;
mod defaults;
mod dispatch;
mod double;
mod end;
mod events;
mod faults;
mod kubeconfig;
mod lifecycle;
mod log;
mod ops;
mod options;
mod patch;
mod pod_fault;
mod pod_status;
mod process;
mod refusal;
mod schedule;
mod selector;
mod server;
mod size;
mod startup;
mod state;
mod store;
mod stream;
mod stream_options;
mod sts;
mod tls;
mod token;
mod validate;
mod view;
mod watch;

pub use self::double::EksDouble;
pub use self::end::PodEnd;
pub use self::faults::{Fault, Trouble};
pub use self::options::{EksOptions, FargateProfile, Https, PodDelays, ProfileSelector};
pub use self::pod_fault::PodFault;
pub use self::stream_options::{LostOutput, StreamOptions};
pub use self::view::PodView;
pub use crate::container::{HOST_ADDRESS, ImageRoot};
pub use crate::host::TaskProgram;
pub use crate::sts::AssumableRole;
