//! The conformance kit against the project's own agent.

use std::sync::Arc;

use fargate_core::Endpoint;
use fargate_core::testkit::{ANOTHER_HOST_KEY, TransportBench};
use fargate_ssh_transport::{SshConfig, SshExec, SshKey};
use fargate_test_support::agent::Agent;

async fn bench() -> TransportBench {
    let key = SshKey::generate().expect("a key");
    let agent = Agent::start(&key.public_line("conformance").expect("a line"));
    TransportBench {
        exec: Arc::new(SshExec::new(SshConfig::default(), key)),
        stranger: Arc::new(SshExec::new(SshConfig::default(), SshKey::generate().expect("a key"))),
        endpoint: Endpoint::Ssh {
            host: "127.0.0.1".into(),
            port: agent.port(),
            user: "root".into(),
            host_key: None,
        },
        another_identity: ANOTHER_HOST_KEY.to_owned(),
        names_signals: true,
        guard: Box::new(agent),
    }
}

fargate_core::transport_conformance!(bench);
