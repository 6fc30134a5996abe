//! What runs inside a task: an SSH server that runs commands, in one small static binary.
//!
//! The agent lets in one client key and no other, under any user name. Each `exec` request runs
//! `sh -c <command>` in a process group of its own. There is no terminal, no forwarding and
//! no subsystem.
//!
//! [`run`] is the whole program; the binary `fargate-agent` and the driver's hidden subcommand
//! are both a call of it. [`install`] is how the program comes into an image that does not have it,
//! and [`wait_port`] how a task finds that a service beside it is up.
//!
//! What a caller can rely on:
//!
//! - Output is read only as fast as the client takes it (RFC 4254 section 5.2), so memory stays
//!   bounded. All of it is delivered before the end of the channel.
//! - The exit status of a command is sent as soon as the command ends. A process it left behind
//!   that still holds an output stream is listened to for a short while, then left alone.
//! - A command whose channel or connection goes away is ended: nobody reads it any more. Its
//!   process group gets TERM, and KILL five seconds later.
//! - When the agent ends, by signal or at its deadline, everything it started ends with it: TERM,
//!   then KILL after the grace. On Linux this includes daemons that left their process group or
//!   session, because the agent adopts them (`PR_SET_CHILD_SUBREAPER`, see prctl(2)).
//! - With a state directory, `agent.lock` in it is locked (flock(2)) while the agent lives, and
//!   `agent.json` says where it listens: `version`, `pid`, `host`, `port`, `host_key`. Whoever
//!   starts the agent may lock the file first and hand it over as standard input. The agent ends
//!   when the directory goes away.
//! - Commands see nothing of the environment that was meant for the agent
//!   ([`AgentSetup`](fargate_core::AgentSetup)), and start with the umask it was given.
//! - With a root, a directory that is never written to is `/` for the agent and all it starts, and
//!   what they change is in the layer. They have process ids of their own and see no file of this
//!   machine; its network they share (Linux).
//! - As the first process of a container it also collects the zombies others leave (Linux).

mod args;
mod command;
mod connection;
mod end;
mod end_signals;
mod environment;
mod gate;
mod groups;
mod handler;
mod hosts;
mod input;
mod install;
mod keys;
mod logging;
mod orphans;
mod output;
mod root;
mod run;
mod server;
mod shell;
mod signals;
mod state_dir;
mod umask;
mod wait_port;

pub use args::{AgentArgs, HostNames};
pub use end::AgentEnd;
pub use end_signals::EndSignals;
pub use hosts::HostName;
pub use install::install;
pub use logging::{init_logging, report_failure};
pub use run::run;
pub use wait_port::wait_port;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExample;
