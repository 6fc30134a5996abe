//! One command's channel.

use bytes::Bytes;
use fargate_core::transport::{Event, Input, Session};
use fargate_core::{ExitStatus, Stream};
use russh::client::Msg;
use russh::{ChannelMsg, ChannelReadHalf, ChannelWriteHalf, Sig};

use crate::connect::Connection;
use crate::error;
use crate::target::Target;

/// SSH_EXTENDED_DATA_STDERR (RFC 4254 section 5.2).
const STDERR: u32 = 1;

pub(crate) struct SshSession {
    read: ChannelReadHalf,
    connection: Connection,
    target: Target,
    closed: bool,
}

impl SshSession {
    pub(crate) fn new(read: ChannelReadHalf, connection: Connection, target: Target) -> Self {
        Self { read, connection, target, closed: false }
    }
}

impl Session for SshSession {
    async fn next(&mut self) -> Option<Event> {
        while !self.closed {
            let message = self.read.wait().await?;
            match message {
                ChannelMsg::Data { data } => return Some(Event::Output(Stream::Stdout, data)),
                ChannelMsg::ExtendedData { data, ext: STDERR } => {
                    return Some(Event::Output(Stream::Stderr, data));
                }
                ChannelMsg::Failure => {
                    return Some(Event::Refused(error::no_commands(&self.target, error::RUN)));
                }
                ChannelMsg::Eof => return Some(Event::EndOfOutput),
                ChannelMsg::Close => self.closed = true,
                other => {
                    if let Some(status) = status(&other) {
                        return Some(Event::Status(status));
                    }
                }
            }
        }
        None
    }

    fn why_ended(&self) -> Option<String> {
        self.connection.learnt().goodbye().map(ToOwned::to_owned)
    }

    async fn close(self) {
        // Unread output of a left-behind process would hold the goodbye up.
        drop(self.read);
        self.connection.close().await;
    }
}

/// The way to a command's standard input.
pub(crate) struct SshInput(ChannelWriteHalf<Msg>);

impl SshInput {
    pub(crate) fn new(write: ChannelWriteHalf<Msg>) -> Self {
        Self(write)
    }
}

impl Input for SshInput {
    async fn send(self, data: Bytes) {
        if self.0.data_bytes(data).await.is_ok() {
            self.0.eof().await.ok();
        }
    }
}

/// The exit status, if that is what came.
pub(crate) fn status(message: &ChannelMsg) -> Option<ExitStatus> {
    match message {
        ChannelMsg::ExitStatus { exit_status } => Some(ExitStatus::Code(*exit_status)),
        ChannelMsg::ExitSignal { signal_name, .. } => Some(ExitStatus::Signal(name(signal_name))),
        _ => None,
    }
}

/// RFC 4254 section 6.10: names without "SIG"; others carry an "@" and a domain.
fn name(signal: &Sig) -> String {
    match signal {
        Sig::Custom(name) => name.split('@').next().unwrap_or_default().to_owned(),
        known => format!("{known:?}"),
    }
}
