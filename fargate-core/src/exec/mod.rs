//! Running a script on a task.

mod forward;
mod request;
mod sink;
mod status;

use std::fmt;

use async_trait::async_trait;

pub use self::request::{ExecRequest, Interpreter, quote};
pub use self::sink::{Collected, OutputSink, Stream};
pub use self::status::ExitStatus;
use crate::{Endpoint, Result};

/// Runs scripts at an [`Endpoint`].
///
/// Object-safe, without default methods and without generics.
/// `testkit::transport_conformance!` (feature `testkit`) tests an implementation against every
/// numbered point below.
#[async_trait]
pub trait RemoteExec: fmt::Debug + Send + Sync + 'static {
    /// Does it accept a command yet? Returns the endpoint to use from now on.
    ///
    /// # Behavior
    /// 1. One attempt, bounded by the connect timeout; the caller decides on another.
    /// 2. An endpoint without an identity (a host key, or the platform's word for the instance)
    ///    comes back with the one that was seen: this is the only place where an unknown one is
    ///    accepted.
    /// 3. An endpoint with an identity is checked against it.
    /// 4. No script is run, nothing is left behind.
    ///
    /// # Errors
    /// `ConnectFailed` (refused, no route), `Timeout` (no answer), `Untrusted` (another identity),
    /// `Unauthenticated` (the server refuses our key), `Unsupported` (wrong endpoint kind).
    ///
    /// # Cancel safety
    /// Cancel-safe.
    async fn probe(&self, at: &Endpoint) -> Result<Endpoint>;

    /// Runs one script to its end and pushes its output into `out` as it comes.
    ///
    /// # Behavior
    /// 1. The script travels as data, of any size and with any bytes, and is run only if it
    ///    arrived whole. Its standard input is at end-of-file.
    /// 2. Every byte of both streams arrives, in order and apart. A slow sink slows the script;
    ///    memory stays bounded.
    /// 3. `Ok` carries the script's own exit code or signal. Without one, the outcome is
    ///    `ConnectionLost`.
    /// 4. A process the script left behind that still holds an output stream delays the return
    ///    by a short, bounded drain and is not killed.
    /// 5. On `cancel`, everything the script started in its process group is asked to end (TERM),
    ///    killed after `grace`, and the result is `Cancelled`.
    /// 6. Connecting may be retried. The script never runs twice.
    ///
    /// # Errors
    /// As for [`probe`](Self::probe), and: `Untrusted` when the endpoint holds no identity,
    /// `ConnectionLost`, `Cancelled`, and the sink's own error.
    ///
    /// # Cancel safety
    /// Not cancel-safe: a dropped call may leave the script running. Use
    /// [`ExecRequest::cancel`] instead.
    async fn exec(
        &self,
        at: &Endpoint,
        request: ExecRequest,
        out: &mut dyn OutputSink,
    ) -> Result<ExitStatus>;
}

const _: Option<&dyn RemoteExec> = None;
