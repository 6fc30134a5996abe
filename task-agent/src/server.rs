//! What all connections share.

use std::borrow::Cow;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use russh::keys::{PrivateKey, PublicKey};
use russh::server::Config;
use russh::{MethodKind, MethodSet, Preferred, SshId, cipher};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::groups::Groups;

/// Connections that may be logging in at the same time; more wait to be accepted.
const LOGINS: usize = 256;
/// Uploads over long paths are limited by this (RFC 4254 section 5.2).
const WINDOW: u32 = 16 << 20;

pub(crate) struct Server {
    pub(crate) config: Arc<Config>,
    pub(crate) authorized_key: PublicKey,
    /// Shown to every client before it logs in.
    pub(crate) banner: Option<String>,
    /// Runs commands.
    pub(crate) shell: PathBuf,
    /// Behind the directories of the commands' `PATH`.
    pub(crate) more_path: Option<OsString>,
    pub(crate) groups: Groups,
    pub(crate) commands: TaskTracker,
    /// Holds a token for each client that is logged in.
    pub(crate) clients: TaskTracker,
    /// Ends every connection.
    pub(crate) closed: CancellationToken,
    /// Held by connections that are logging in.
    pub(crate) logins: Arc<Semaphore>,
}

impl Server {
    pub(crate) fn new(
        host_key: PrivateKey,
        authorized_key: PublicKey,
        banner: Option<String>,
        shell: PathBuf,
        more_path: Option<OsString>,
    ) -> Self {
        Self {
            config: Arc::new(config(host_key)),
            authorized_key,
            banner,
            shell,
            more_path,
            groups: Groups::default(),
            commands: TaskTracker::new(),
            clients: TaskTracker::new(),
            closed: CancellationToken::new(),
            logins: Arc::new(Semaphore::new(LOGINS)),
        }
    }
}

fn config(host_key: PrivateKey) -> Config {
    Config {
        server_id: SshId::Standard(Cow::Borrowed(concat!(
            "SSH-2.0-fargate-agent_",
            env!("CARGO_PKG_VERSION")
        ))),
        methods: MethodSet::from(&[MethodKind::PublicKey][..]),
        // Guessing a key is out of reach, so a delay would only slow down good clients.
        auth_rejection_time: Duration::ZERO,
        auth_rejection_time_initial: Some(Duration::ZERO),
        keys: vec![host_key],
        window_size: WINDOW,
        preferred: Preferred {
            cipher: Cow::Borrowed(&[
                cipher::AES_128_GCM,
                cipher::AES_256_GCM,
                cipher::CHACHA20_POLY1305,
                cipher::AES_256_CTR,
                cipher::AES_128_CTR,
            ]),
            ..Preferred::DEFAULT
        },
        inactivity_timeout: None,
        ..Config::default()
    }
}
