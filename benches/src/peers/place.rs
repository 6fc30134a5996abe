//! What one run needs: servers, clients, and how long it may take.

use std::io;
use std::time::Duration;

use fargate_test_support::sshd::Sshd;

use super::clients::Clients;
use crate::args::Login;
use crate::site::{Agent, Site};

/// A hang guard for one client.
pub const LIMIT: Duration = Duration::from_secs(120);

/// The servers and clients of one run.
#[derive(Debug)]
pub struct Place {
    /// Key and files.
    pub site: Site,
    /// The clients.
    pub clients: Clients,
    /// How to log in at OpenSSH's server.
    pub sshd: Login,
    /// How to log in at our agent.
    pub agent: Login,
    quick: bool,
    _sshd: Sshd,
    _agent: Agent,
}

impl Place {
    /// Builds the clients and starts the servers.
    ///
    /// # Errors
    /// When something that is always needed is missing.
    pub fn new(quick: bool) -> io::Result<Self> {
        let clients = Clients::find()?;
        let site = Site::new()?;
        let (sshd_process, sshd) = site.sshd(&[]);
        let (agent_process, agent) = site.agent()?;
        Ok(Self { site, clients, sshd, agent, quick, _sshd: sshd_process, _agent: agent_process })
    }

    /// `full`, or `quick` in a quick run.
    #[must_use]
    pub fn size<T>(&self, full: T, quick: T) -> T {
        if self.quick { quick } else { full }
    }
}
