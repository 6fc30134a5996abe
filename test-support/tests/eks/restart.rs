//! The API server goes away and comes back.

use std::time::Duration;

use fargate_test_support::eks::EksOptions;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};

use crate::client::{PODS, alive, dead, next, pod, pod_path, visit, visitor, with, words};
use crate::socket::{FLOOD, Socket, V4, command, held_up, idle};

#[tokio::test(flavor = "multi_thread")]
async fn pods_live_on_and_are_known_again() {
    let (double, client) = with(EksOptions::default()).await;
    let visitor = visitor();
    client.create(&pod("a", visitor.public_key())).await;
    let before = double.wait_for("a", "Running").await;
    let url = double.url();
    double.stop_api().await;
    let refused = TcpStream::connect(client.authority()).await.unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    assert_eq!(visit(&visitor, &before, "echo there").await.1, "there\n");
    double.start_api().await;
    assert_eq!(double.url(), url);
    let after = client.pod("a").await;
    assert_eq!(after["metadata"]["uid"], before.uid);
    assert_eq!(double.pod("a").pid, before.pid);
    double.restart_api(Duration::from_millis(50)).await;
    client.delete("a").await;
    double.wait_gone("a").await;
}

#[tokio::test]
async fn watches_break_and_are_taken_up_again() {
    let (double, client) = words().await;
    client.create(&pod("a", "key")).await;
    double.wait_for("a", "Running").await;
    let mut stream = client.watch(&format!("{PODS}?watch=true")).await;
    let (_, first) = next(&mut stream).await;
    let from = first["metadata"]["resourceVersion"].as_str().unwrap().to_owned();
    double.stop_api().await;
    assert!(stream.line().await.is_err());
    double.delete_pod("a");
    double.start_api().await;
    // What happened meanwhile is told.
    let path = format!("{PODS}?watch=true&resourceVersion={from}");
    let mut stream = client.watch(&path).await;
    while next(&mut stream).await.0 != "DELETED" {}
    double.stop_api().await;
    double.compact();
    double.start_api().await;
    let mut stream = client.watch(&path).await;
    let (kind, status) = next(&mut stream).await;
    assert_eq!((kind.as_str(), status["code"].as_u64()), ("ERROR", Some(410)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_loses_its_connection_and_lives_on() {
    let (double, client) = idle(command()).await;
    // With the server gone nobody reads on, whatever the protocol.
    let script = format!("echo $$; cat; exec {FLOOD}");
    let mut socket = Socket::exec(&client, "a", &["sh", "-c", &script]).await;
    let pid: u32 = socket.until(1, "\n").await.trim().parse().unwrap();
    double.stop_api().await;
    assert!(socket.broken().await);
    double.start_api().await;
    held_up(pid).await;
    assert!(alive(pid));
    client.delete("a").await;
    dead(pid).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forwarded_port_breaks_for_both() {
    let (double, client) = words().await;
    client.create(&pod("a", "key")).await;
    let view = double.wait_for("a", "Running").await;
    let listener = TcpListener::bind((view.address, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let path = format!("{}/portforward?ports={port}", pod_path("a"));
    let mut socket = Socket::open(&client, &path, V4).await.unwrap();
    let (mut stream, _) = listener.accept().await.unwrap();
    assert!(socket.next().await.is_some() && socket.next().await.is_some());
    double.restart_api(Duration::ZERO).await;
    assert!(socket.broken().await);
    assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
    assert!(Socket::open(&client, &path, V4).await.is_ok());
}
