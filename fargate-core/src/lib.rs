//! Launch a task, run scripts on it, stop it: on any backend, from any program.
//!
//! The crate holds the model and the contracts; it names no cloud and no wire protocol.
//!
//! | you want to | look at |
//! |---|---|
//! | start and stop tasks | [`TaskLauncher`], [`TaskSpec`], [`TaskHandle`], [`TaskStatus`] |
//! | run a script on a task | [`RemoteExec`], [`ExecRequest`], [`OutputSink`], [`ExitStatus`] |
//! | wait for a task, or watch it | [`TaskLauncherExt`], [`News`], [`Pace`] |
//! | run a CI job over several processes | [`job::JobLife`], [`job::HandleStore`] |
//! | understand a failure | [`Error`], [`ErrorKind`], [`Retry`] |
//! | write a backend of your own | the two traits, [`transport`], then `testkit` (feature `testkit`) to test it |
//!
//! Two rules hold everywhere. A script's non-zero exit is `Ok(ExitStatus::Code(n))`, never an
//! error. An exit status that never arrived is [`ErrorKind::ConnectionLost`], never success.

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod agent;
mod backoff;
mod error;
mod exec;
pub mod host_proof;
pub mod job;
mod launch;
mod memory;
mod secret;
mod task;
#[cfg(any(test, feature = "testkit"))]
pub mod testkit;
pub mod transport;

pub use agent::AgentSetup;
pub use async_trait::async_trait;
pub use backoff::Backoff;
pub use error::{Error, ErrorKind, Fault, Report, Result, Retry};
pub use exec::{
    Collected, ExecRequest, ExitStatus, Interpreter, OutputSink, RemoteExec, Stream, quote,
};
pub use launch::{News, Pace, TaskLauncher, TaskLauncherExt, Waiting, watch_by_asking};
pub use memory::keep_freed_memory;
pub use secret::SecretText;
pub use task::{
    Capacity, Endpoint, PullPolicy, StopCause, Stopped, TaskHandle, TaskImage, TaskKey, TaskNeeds,
    TaskResources, TaskService, TaskSpec, TaskStatus,
};
