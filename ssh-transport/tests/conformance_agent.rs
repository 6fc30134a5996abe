//! The conformance kit against the project's own agent.

use std::sync::Arc;

use fargate_core::testkit::{ANOTHER_HOST_KEY, TransportBench};
use fargate_core::{Endpoint, SecretText, host_proof};
use fargate_ssh_transport::{SshConfig, SshExec, SshKey, new_host_secret};
use fargate_test_support::agent::Agent;

/// An agent that proves its host key with `secret`, if there is one.
fn bench(secret: Option<&SecretText>) -> TransportBench {
    let key = SshKey::generate().expect("a key");
    let line = key.public_line("conformance").expect("a line");
    let environment = secret.map(|secret| (host_proof::VARIABLE, secret.expose()));
    let agent = Agent::start_with(&line, environment.as_slice());
    let exec = |key| {
        let exec = SshExec::new(SshConfig::default(), key);
        Arc::new(match secret {
            Some(secret) => exec.proving(secret.clone()),
            None => exec,
        })
    };
    TransportBench {
        exec: exec(key),
        stranger: exec(SshKey::generate().expect("a key")),
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

mod pinned_at_first_contact {
    use super::*;

    async fn bench() -> TransportBench {
        super::bench(None)
    }

    fargate_core::transport_conformance!(bench);
}

mod proved {
    use super::*;

    async fn bench() -> TransportBench {
        super::bench(Some(&new_host_secret()))
    }

    fargate_core::transport_conformance!(bench);
}
