//! What a protocol must offer to run scripts over it.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

use crate::{Error, ErrorKind, ExitStatus, Result, Stream};

/// A way to run commands on one task.
pub trait Commands: Sync {
    /// One command's streams.
    type Session: Session;
    /// The way to its standard input.
    type Input: Input;

    /// What running a script is called in errors, such as "run script over SSH".
    const RUN: &'static str;
    /// What ending one is called.
    const END: &'static str;
    /// How the exit status of a script is learnt.
    const STATUS: StatusBy;

    /// Starts a command, given as words, without waiting for it. Attempts may be repeated.
    ///
    /// # Errors
    /// As [`RemoteExec::exec`](crate::RemoteExec::exec), for what happens before the command runs.
    ///
    /// # Cancel safety
    /// The command of a dropped call may run, with its standard input at its end.
    fn start(
        &self,
        command: &[String],
    ) -> impl Future<Output = Result<(Self::Session, Self::Input)>> + Send;

    /// Runs a short command whose output nobody needs. `None` when no exit status came.
    ///
    /// # Errors
    /// As for [`start`](Self::start).
    ///
    /// # Cancel safety
    /// As for [`start`](Self::start).
    fn run(
        &self,
        op: &'static str,
        command: &[String],
    ) -> impl Future<Output = Result<Option<ExitStatus>>> + Send;

    /// An error about this task.
    fn error(&self, kind: ErrorKind, op: &'static str, what: fmt::Arguments<'_>) -> Error;

    /// What to wait for, and how long.
    fn patience(&self) -> Patience;
}

/// How the exit status of a script is learnt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum StatusBy {
    /// The protocol tells it as soon as the command has ended. The script then replaces the shell
    /// that received it, and a signal that ends it is told by name.
    Protocol,
    /// The protocol tells it only when nobody holds the output streams any more, which a
    /// left-behind process may do for ever. The receiving shell waits for the script instead and
    /// writes its code behind the output.
    Output,
}

/// How long to wait for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a transport fills in all of it")]
pub struct Patience {
    /// For more output once the exit status is known while a left-behind process holds the streams.
    pub drain: Duration,
    /// For one connection.
    pub connect: Duration,
    /// What may still be on its way when the exit status is known, in bytes.
    pub in_flight: u64,
}

/// One command's streams. Dropping it ends the connection, not the command.
pub trait Session: Send {
    /// What comes next; `None` when the session is over.
    ///
    /// # Cancel safety
    /// Cancel-safe: nothing is lost.
    fn next(&mut self) -> impl Future<Output = Option<Event>> + Send;

    /// Why the session ended, where that is known.
    fn why_ended(&self) -> Option<String>;

    /// Says goodbye, for a short time at most.
    fn close(self) -> impl Future<Output = ()> + Send;
}

/// What comes out of a [`Session`].
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// Output.
    Output(Stream, Bytes),
    /// The command has ended; output may follow.
    Status(ExitStatus),
    /// Both output streams are at their end.
    EndOfOutput,
    /// The command was not started; the error says why.
    Refused(Error),
}

/// The way to a command's standard input.
pub trait Input: Send {
    /// Writes `data` and ends the stream. An error shows in the [`Session`], and there with its
    /// reason.
    ///
    /// # Cancel safety
    /// A dropped call has written a part.
    fn send(self, data: Bytes) -> impl Future<Output = ()> + Send;
}
