use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use fargate_core::AgentSetup;

/// What the agent is told when it starts.
#[derive(Debug, Clone, Args)]
pub struct AgentArgs {
    /// Address and port to listen on; port 0 takes any free one
    #[arg(long, value_name = "ADDR:PORT", env = AgentSetup::LISTEN, default_value = "0.0.0.0:22")]
    pub listen: SocketAddr,

    /// The one client key to let in, as an OpenSSH line without options
    #[arg(long, value_name = "LINE", env = KEY_VARIABLE, hide_env_values = true)]
    pub authorized_key: String,

    /// OpenSSH private key to prove the host with [default: a fresh ed25519 key]
    #[arg(long, value_name = "FILE")]
    pub host_key: Option<PathBuf>,

    /// End after this time, with everything that was started, such as "2h"
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub deadline: Option<Duration>,

    /// Time between TERM and KILL when the agent ends
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = humantime::parse_duration)]
    pub grace: Duration,

    /// Directory to lock for as long as the agent runs and to describe it in
    #[arg(long, value_name = "DIR")]
    pub state_dir: Option<PathBuf>,
}

/// Carries the client key to the agent, and stays out of what the agent starts.
pub(crate) const KEY_VARIABLE: &str = "SSH_PUBLIC_KEY";
