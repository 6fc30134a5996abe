use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use fargate_core::{AgentSetup, SecretText};

use crate::hosts::HostName;
use crate::{environment, umask};

/// What the agent is told when it starts.
///
/// All that a task needs can come by the environment alone, because an image's entry point may
/// swallow arguments. What the variables mean is said at [`AgentSetup`].
#[derive(Debug, Clone, Args)]
pub struct AgentArgs {
    /// Address and port to listen on; port 0 takes any free one
    #[arg(long, value_name = "ADDR:PORT", env = AgentSetup::LISTEN, default_value = "0.0.0.0:22")]
    pub listen: SocketAddr,

    /// The one client key to let in, as an OpenSSH line without options
    #[arg(long, value_name = "LINE", env = environment::KEY, hide_env_values = true)]
    pub authorized_key: String,

    /// OpenSSH private key to prove the host with [default: a fresh ed25519 key]
    #[arg(long, value_name = "FILE")]
    pub host_key: Option<PathBuf>,

    /// The secret whose holders the host key is proved to (`fargate_core::host_proof`).
    ///
    /// By the variable only: everybody may read arguments.
    #[arg(skip = environment::host_secret())]
    pub host_secret: Option<SecretText>,

    /// Host names that mean this machine, for /etc/hosts; separated by spaces
    #[arg(long, value_name = "NAMES", env = AgentSetup::HOSTS, value_parser = HostName::list, default_value = "")]
    pub hosts: HostNames,

    /// File mode mask of whatever is started, in octal [default: as it is]
    #[arg(long, value_name = "MASK", env = AgentSetup::UMASK, value_parser = umask::parse)]
    pub umask: Option<u32>,

    /// Directories that commands look for programs in after those of PATH, in its form
    #[arg(long, value_name = "DIRS", env = AgentSetup::MORE_PATH)]
    pub more_path: Option<OsString>,

    /// End after this time, with everything that was started, such as "2h"
    #[arg(long, value_name = "DURATION", env = AgentSetup::DEADLINE, value_parser = humantime::parse_duration)]
    pub deadline: Option<Duration>,

    /// Time between TERM and KILL when the agent ends
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = humantime::parse_duration)]
    pub grace: Duration,

    /// Directory to lock for as long as the agent runs and to describe it in
    #[arg(long, value_name = "DIR")]
    pub state_dir: Option<PathBuf>,

    /// Directory to be the root of the agent and its commands; never written to (Linux)
    #[arg(long, value_name = "DIR", requires = "layer")]
    pub root: Option<PathBuf>,

    /// Directory for what commands change in that root; made if missing
    #[arg(long, value_name = "DIR", requires = "root")]
    pub layer: Option<PathBuf>,

    /// With a root the agent is two processes: this names the one outside to the one inside, which
    /// it starts. Nobody else sets it.
    #[arg(long, value_name = "PID", requires = "root", hide = true)]
    pub outside: Option<u32>,
}

/// Names for /etc/hosts.
// Not written as `Vec` above, which would make clap take the option several times.
pub type HostNames = Vec<HostName>;
