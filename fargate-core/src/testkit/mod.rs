//! The conformance kit: what every backend and every transport has to hold.
//!
//! A case is a plain `async fn` that takes a bench (what to test, and what keeps it alive). The
//! macros [`launcher_conformance!`](crate::launcher_conformance) and
//! [`transport_conformance!`](crate::transport_conformance) make one named test per case, each
//! run directly and once more through `Arc<dyn …>`.
//!
//! [`FaultyLauncher`] and [`FaultyExec`] wrap a real implementation and let any method fail
//! before or after its work, or never answer.
//!
//! The kit is for tests: it panics instead of returning errors, and it may gain cases in any
//! release.

mod faulty;
pub mod launcher;
mod macros;
mod memory;
pub mod transport;

use std::any::Any;
use std::fmt;
use std::sync::Arc;

pub use self::faulty::{Faults, FaultyExec, FaultyLauncher, Method, When};
pub use self::memory::MemoryCloud;
use crate::{Endpoint, RemoteExec, TaskKey, TaskLauncher};

/// A host key that no server has (RFC 8032 section 7.1, test 1).
pub const ANOTHER_HOST_KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea";

/// What the launcher cases work on.
pub struct LauncherBench {
    /// The launcher under test.
    pub launcher: Arc<dyn TaskLauncher>,
    /// A second, independent instance on the same backend: another process, in effect.
    pub again: Arc<dyn TaskLauncher>,
    /// A public key to launch with.
    pub authorized_key: String,
    /// Whatever must live as long as the case.
    pub guard: Box<dyn Any + Send>,
}

/// What the transport cases work on.
pub struct TransportBench {
    /// The transport under test, with a credential the server accepts.
    pub exec: Arc<dyn RemoteExec>,
    /// The same with a credential the server does not accept.
    pub stranger: Arc<dyn RemoteExec>,
    /// The server, its identity not known yet.
    pub endpoint: Endpoint,
    /// A well-formed identity that is not the server's; for SSH [`ANOTHER_HOST_KEY`].
    pub another_identity: String,
    /// Whether the protocol tells a signal that ends a script by its name.
    pub names_signals: bool,
    /// Whatever must live as long as the case.
    pub guard: Box<dyn Any + Send>,
}

impl fmt::Debug for LauncherBench {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LauncherBench").field("launcher", &self.launcher).finish_non_exhaustive()
    }
}

impl fmt::Debug for TransportBench {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TransportBench").field("exec", &self.exec).finish_non_exhaustive()
    }
}

/// A key nobody else uses.
///
/// # Panics
/// When `prefix` is not good for a key.
#[must_use]
pub fn unique_key(prefix: &str) -> TaskKey {
    TaskKey::new(format!("{prefix}-{:016x}", fastrand::u64(..))).expect("a good prefix")
}

/// Runs a case on a runtime of its own; the macros call it.
///
/// # Panics
/// When the case does.
#[doc(hidden)]
pub fn run_case<F: Future>(case: F) -> F::Output {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(case)
}
