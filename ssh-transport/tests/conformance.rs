//! The conformance kit against a real OpenSSH server.

mod common;

use std::sync::Arc;

use fargate_core::testkit::{ANOTHER_HOST_KEY, TransportBench};
use fargate_ssh_transport::{SshConfig, SshExec, SshKey};

async fn bench() -> TransportBench {
    let (sshd, exec) = common::server();
    TransportBench {
        exec: Arc::new(exec),
        stranger: Arc::new(SshExec::new(SshConfig::default(), SshKey::generate().expect("a key"))),
        endpoint: common::unknown(&sshd),
        another_identity: ANOTHER_HOST_KEY.to_owned(),
        names_signals: true,
        guard: Box::new(sshd),
    }
}

fargate_core::transport_conformance!(bench);
