//! A cluster that falls silent while a script runs, or does not hand it over.

use std::net::SocketAddr;
use std::time::Duration;

use fargate_backend_eks::{ClusterAccess, Connect, EksConfig, PodExec};
use fargate_core::{
    Collected, Endpoint, ErrorKind, ExecRequest, ExitStatus, RemoteExec, TaskLauncher,
};
use fargate_test_support::eks::{EksDouble, EksOptions, TaskProgram};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::bench;

/// A hang guard, not a speed goal.
const PATIENCE: Duration = Duration::from_secs(60);

/// Passes everything on to `server` until it is told to be silent.
async fn relay(server: SocketAddr) -> (SocketAddr, watch::Sender<bool>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("its address");
    let silent = watch::Sender::new(false);
    let switch = silent.clone();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(server).await.expect("the server answers");
            let (from_client, to_client) = client.into_split();
            let (from_server, to_server) = server.into_split();
            tokio::spawn(pass_on(from_client, to_server, switch.subscribe()));
            tokio::spawn(pass_on(from_server, to_client, switch.subscribe()));
        }
    });
    (address, silent)
}

async fn pass_on(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut silent: watch::Receiver<bool>,
) {
    let mut buffer = [0; 4096];
    loop {
        let read = from.read(&mut buffer).await.unwrap_or(0);
        // Nobody ever wants it to speak again.
        if *silent.borrow_and_update() {
            std::future::pending::<()>().await;
        }
        if read == 0 || to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}

#[tokio::test]
async fn a_command_that_was_not_handed_over_is_sent_again() {
    let program = TaskProgram::Command;
    let double = EksDouble::start(EksOptions { program, ..EksOptions::default() }).await;
    let mut config = bench::config_for(&double);
    config.connect = Connect::Exec;
    let (exec, at) = ready(config.clone()).await;
    let commands = || double.calls()["get pods/exec"];
    let before = commands();
    double.lose_kubelet(2);
    let mut out = Collected::default();
    let request = ExecRequest::script("echo once; exit 5");
    let ended = exec.exec(&at, request, &mut out).await.expect("it runs in the end");
    assert_eq!(ended, ExitStatus::Code(5));
    assert_eq!((out.stdout_text().as_str(), commands() - before), ("once\n", 3));

    config.pace.connect_patience = Duration::ZERO;
    double.lose_kubelet(1);
    let request = ExecRequest::script("echo never");
    let error = PodExec::new(config).exec(&at, request, &mut out).await.expect_err("in vain");
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    assert!(error.context_value("cluster says").is_some_and(|said| said.contains("i/o timeout")));
}

/// A transport, and a pod that it reaches.
async fn ready(config: EksConfig) -> (PodExec, Endpoint) {
    let launcher = bench::launcher_with(config.clone()).await;
    let task = launcher.launch(&bench::spec()).await.expect("a pod");
    bench::running(&launcher, &task).await;
    let status = launcher.status(&task).await.expect("a status");
    let exec = PodExec::new(config);
    let at = exec.probe(status.endpoint().expect("an endpoint")).await.expect("a shell");
    (exec, at)
}

#[tokio::test]
async fn a_cluster_that_falls_silent_is_connection_lost() {
    let program = TaskProgram::Command;
    let double = EksDouble::start(EksOptions { program, ..EksOptions::default() }).await;
    let server = double.address();
    let (address, silent) = relay(server).await;
    let known = double.kubeconfig();
    let text = std::fs::read_to_string(&known).expect("a kubeconfig");
    let file = known.with_file_name("relayed");
    let text = text.replace(&server.to_string(), &address.to_string());
    std::fs::write(&file, text).expect("it is written");
    let mut config = bench::config(ClusterAccess::kubeconfig(file));
    config.connect = Connect::Exec;
    config.pace.keepalive = Duration::from_millis(100);
    let (exec, at) = ready(config).await;

    // Quiet for longer than the patience, and not lost.
    let mut out = Collected::default();
    let quiet = exec.exec(&at, ExecRequest::script("sleep 2; echo done"), &mut out).await;
    assert!(quiet.is_ok_and(|status| status.is_success()));

    let mut out = Collected::default();
    let running = exec.exec(&at, ExecRequest::script("sleep 300"), &mut out);
    let fall_silent = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        silent.send_replace(true);
        std::future::pending::<()>().await;
    };
    let lost = timeout(PATIENCE, async {
        tokio::select! {
            ended = running => ended.expect_err("no status came"),
            () = fall_silent => unreachable!("it waits for ever"),
        }
    });
    let error = lost.await.expect("no hang");
    assert_eq!(error.kind(), ErrorKind::ConnectionLost, "{error:?}");
    assert_eq!(error.context_value("reason"), Some("the cluster has stopped answering"));
}
