//! Reaching a port that TCP does not reach.

use std::fmt;

use async_trait::async_trait;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::Result;

/// Opens byte streams to the ports of tasks, through the platform's API.
///
/// Given to a transport that understands [`Endpoint::Forwarded`](crate::Endpoint::Forwarded).
#[async_trait]
pub trait Dial: fmt::Debug + Send + Sync + 'static {
    /// Opens one stream to `port` of `task`, if it still is this `instance`.
    ///
    /// # Errors
    /// `ConnectFailed` (nobody listens, no route), `Timeout`, `Untrusted` (another instance has
    /// the name), `NotFound`, `PermissionDenied`, `Unauthenticated`.
    ///
    /// # Cancel safety
    /// Cancel-safe.
    async fn dial(&self, task: &str, instance: &str, port: u16) -> Result<Box<dyn ByteStream>>;
}

/// A stream of bytes in both directions. Dropping it closes it.
pub trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for T {}

const _: Option<&dyn Dial> = None;
