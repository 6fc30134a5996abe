//! Commands on an SSH server, each over a connection of its own.

use std::fmt;

use fargate_core::transport::{Commands, Patience, StatusBy, command_line};
use fargate_core::{Error, ErrorKind, ExitStatus, Result};

use crate::connect::{Client, Connection, WINDOW};
use crate::error;
use crate::session::{SshInput, SshSession, status};
use crate::target::Target;

pub(crate) struct SshCommands<'a> {
    client: &'a Client,
    target: Target,
}

impl<'a> SshCommands<'a> {
    pub(crate) fn new(client: &'a Client, target: Target) -> Self {
        Self { client, target }
    }
}

impl Commands for SshCommands<'_> {
    type Session = SshSession;
    type Input = SshInput;

    const RUN: &'static str = error::RUN;
    const END: &'static str = error::END;
    const STATUS: StatusBy = StatusBy::Protocol;

    async fn start(&self, command: &[String]) -> Result<(SshSession, SshInput)> {
        let connection = Connection::open_patiently(self.client, &self.target).await?;
        let (read, write) = connection.session().await?.split();
        // An error here shows on the reading side as well, and there with its reason.
        write.exec(true, command_line(command)).await.ok();
        Ok((SshSession::new(read, connection, self.target.clone()), SshInput::new(write)))
    }

    async fn run(&self, op: &'static str, command: &[String]) -> Result<Option<ExitStatus>> {
        let connection = Connection::open_patiently(self.client, &self.target).await?;
        let status = wait_for_status(&connection, &self.target, op, command_line(command)).await?;
        connection.close().await;
        Ok(status)
    }

    fn error(&self, kind: ErrorKind, op: &'static str, what: fmt::Arguments<'_>) -> Error {
        self.target.error(kind, op, what)
    }

    fn patience(&self) -> Patience {
        Patience {
            drain: self.client.config.drain,
            connect: self.client.config.connect_timeout,
            // A full window of each stream and what is in the pipes.
            in_flight: 2 * u64::from(WINDOW) + (1 << 20),
        }
    }
}

/// Runs a short command whose output nobody needs. `None` when no exit status came.
pub(crate) async fn wait_for_status(
    connection: &Connection,
    target: &Target,
    op: &'static str,
    command: String,
) -> Result<Option<ExitStatus>> {
    let (mut read, write) = connection.session().await?.split();
    write.exec(true, command).await.map_err(|_| error::dropped(target, connection.learnt()))?;
    // A left-behind process of a login shell's start-up files does not matter here.
    while let Some(message) = read.wait().await {
        if let Some(status) = status(&message) {
            return Ok(Some(status));
        }
        if matches!(message, russh::ChannelMsg::Failure) {
            return Err(error::no_commands(target, op));
        }
    }
    Ok(None)
}
