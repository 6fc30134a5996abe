//! The conformance suite of transports through the cluster's API, against the double.

mod exec {
    use std::path::PathBuf;
    use std::sync::Arc;

    use fargate_backend_eks::{ClusterAccess, Connect, PodExec};
    use fargate_core::testkit::TransportBench;
    use fargate_core::{Endpoint, TaskLauncher};
    use fargate_test_support::eks::{EksDouble, EksOptions, TaskProgram};

    use crate::bench;

    async fn factory() -> TransportBench {
        let program = TaskProgram::Command;
        let double = EksDouble::start(EksOptions { program, ..EksOptions::default() }).await;
        let mut config = bench::config_for(&double);
        config.connect = Connect::Exec;
        let launcher = bench::launcher_with(config.clone()).await;
        let task = launcher.launch(&bench::spec()).await.expect("a pod");
        let mut stranger = config.clone();
        stranger.access = ClusterAccess::kubeconfig(stranger_kubeconfig(&double));
        TransportBench {
            exec: Arc::new(PodExec::new(config)),
            stranger: Arc::new(PodExec::new(stranger)),
            endpoint: Endpoint::Exec {
                task: task.id().to_owned(),
                instance: None,
                container: None,
            },
            another_identity: "00000000-0000-0000-0000-000000000000".to_owned(),
            names_signals: false,
            guard: Box::new(double),
        }
    }

    fn stranger_kubeconfig(double: &EksDouble) -> PathBuf {
        let known = double.kubeconfig();
        let text = std::fs::read_to_string(&known).expect("a kubeconfig");
        let file = known.with_file_name("stranger");
        std::fs::write(&file, text.replace(double.token(), "nobody")).expect("it is written");
        file
    }

    fargate_core::transport_conformance!(factory);
}

mod port_forward {
    use std::sync::Arc;

    use fargate_backend_eks::{Connect, PodPorts};
    use fargate_core::testkit::{ANOTHER_HOST_KEY, TransportBench};
    use fargate_core::{TaskLauncher, TaskSpec};
    use fargate_ssh_transport::{SshConfig, SshExec, SshKey};
    use fargate_test_support::eks::{EksDouble, EksOptions};

    use crate::bench;

    async fn factory() -> TransportBench {
        let double = EksDouble::start(EksOptions::default()).await;
        let mut config = bench::config_for(&double);
        config.connect = Connect::PortForward;
        let launcher = bench::launcher_with(config.clone()).await;
        let key = SshKey::generate().expect("a key");
        let mut spec: TaskSpec = bench::spec();
        spec.authorized_key = key.public_line("conformance").expect("a line");
        let task = launcher.launch(&spec).await.expect("a pod");
        let running = bench::status_until(&launcher, &task, |status| status.endpoint().is_some());
        let endpoint = running.await.endpoint().cloned().expect("an endpoint");
        let ports = Arc::new(PodPorts::new(config));
        let exec = |key| {
            let ports = Arc::clone(&ports);
            Arc::new(SshExec::new(SshConfig::default(), key).through(ports))
        };
        TransportBench {
            exec: exec(key),
            stranger: exec(SshKey::generate().expect("a key")),
            endpoint,
            another_identity: ANOTHER_HOST_KEY.to_owned(),
            names_signals: true,
            guard: Box::new(double),
        }
    }

    fargate_core::transport_conformance!(factory);
}
