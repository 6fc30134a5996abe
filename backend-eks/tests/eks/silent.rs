//! A cluster that falls silent while a script runs.

use std::net::SocketAddr;
use std::time::Duration;

use fargate_backend_eks::{ClusterAccess, Connect, PodExec};
use fargate_core::{Collected, ErrorKind, ExecRequest, RemoteExec, TaskLauncher};
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
    let launcher = bench::launcher_with(config.clone()).await;
    let task = launcher.launch(&bench::spec()).await.expect("a pod");
    bench::running(&launcher, &task).await;
    let status = launcher.status(&task).await.expect("a status");
    let at = status.endpoint().cloned().expect("an endpoint");
    let exec = PodExec::new(config);
    exec.probe(&at).await.expect("a shell");

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
