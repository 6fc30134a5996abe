//! Ports of pods through the API server.

use std::net::Ipv4Addr;

use fargate_test_support::eks::EksOptions;
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite::Message;

use crate::client::{Client, pod, pod_path, visitor, with, words};
use crate::socket::{LONG, Socket, V4};

async fn forward(client: &Client, ports: &str) -> Socket {
    let path = format!("{}/portforward?ports={ports}", pod_path("a"));
    let socket = Socket::open(client, &path, V4).await.unwrap();
    assert_eq!(socket.protocol, V4);
    socket
}

/// A pod of words, and somebody who listens at its address.
async fn listening() -> (fargate_test_support::eks::EksDouble, Client, TcpListener) {
    let (double, client) = words().await;
    client.create(&pod("a", "key")).await;
    let view = double.wait_for("a", "Running").await;
    let listener = TcpListener::bind((view.address, 0)).await.unwrap();
    (double, client, listener)
}

fn port(listener: &TcpListener) -> u16 {
    listener.local_addr().unwrap().port()
}

/// The two messages every port begins with.
async fn begins(socket: &mut Socket, first: u8, port: u16) {
    for channel in [first, first + 1] {
        assert_eq!(socket.next().await, Some((channel, port.to_le_bytes().to_vec())));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ssh_server_of_a_pod_is_reached() {
    let (double, client) = with(EksOptions::default()).await;
    client.create(&pod("a", visitor().public_key())).await;
    let view = double.wait_for("a", "Running").await;
    let port = double.options().ssh_port;
    while tokio::net::TcpStream::connect((view.address, port)).await.is_err() {
        tokio::task::yield_now().await;
    }
    let mut socket = forward(&client, &port.to_string()).await;
    begins(&mut socket, 0, port).await;
    let banner = socket.until(0, "\n").await;
    assert!(banner.starts_with("SSH-2.0-OpenSSH"), "{banner}");
    assert_eq!(double.calls()["get pods/portforward"], 1);
    let request = &double.requests("get pods/portforward")[0];
    assert_eq!(*request, serde_json::json!({"ports": port.to_string()}));
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_go_both_ways_unchanged() {
    let (_double, client, listener) = listening().await;
    let port = port(&listener);
    let mut data = vec![0; 4 << 20];
    fastrand::Rng::with_seed(5).fill(&mut data);
    let echo = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let (mut reader, mut writer) = stream.split();
        tokio::io::copy(&mut reader, &mut writer).await
    });
    let mut socket = forward(&client, &port.to_string()).await;
    begins(&mut socket, 0, port).await;
    let (mut sink, mut stream) = socket.inner.split();
    let sent = data.clone();
    let writing = tokio::spawn(async move {
        for part in sent.chunks(50_000) {
            sink.send(Message::binary([&[0], part].concat())).await.unwrap();
        }
        sink
    });
    let mut back = Vec::new();
    while back.len() < data.len() {
        let Some(Ok(Message::Binary(message))) = stream.next().await else { panic!("it ended") };
        assert_eq!(message[0], 0);
        back.extend_from_slice(&message[1..]);
    }
    assert!(back == data);
    // The end of the client is the end for the pod.
    drop((stream, writing.await.unwrap()));
    let echoed = tokio::time::timeout(LONG, echo).await.expect("the pod sees the end");
    assert_eq!(echoed.unwrap().unwrap(), data.len() as u64);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_the_pods_side_ends_the_connection() {
    let (_double, client, listener) = listening().await;
    let port = port(&listener);
    let mut socket = forward(&client, &port.to_string()).await;
    begins(&mut socket, 0, port).await;
    let (mut stream, _) = listener.accept().await.unwrap();
    stream.write_all(b"bye").await.unwrap();
    drop(stream);
    assert_eq!(socket.next().await, Some((0, b"bye".to_vec())));
    assert_eq!(socket.next().await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_listens() {
    let (_double, client, listener) = listening().await;
    let port = port(&listener);
    drop(listener);
    let mut socket = forward(&client, &port.to_string()).await;
    begins(&mut socket, 0, port).await;
    let (channel, text) = socket.next().await.unwrap();
    let text = String::from_utf8(text).unwrap();
    assert_eq!(channel, 1);
    assert!(text.starts_with(&format!("error forwarding port {port} to pod ")), "{text}");
    assert!(text.contains(&format!("dial tcp4 127.0.0.1:{port}: connect: connection refused")));
    assert_eq!(socket.next().await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn several_ports_have_their_own_channels() {
    let (_double, client, one) = listening().await;
    let other = TcpListener::bind((address(&one), 0)).await.unwrap();
    let (first, second) = (port(&one), port(&other));
    for ports in [format!("{first}&ports={second}"), format!("{first},{second}")] {
        let mut socket = forward(&client, &ports).await;
        begins(&mut socket, 0, first).await;
        begins(&mut socket, 2, second).await;
        let (mut here, _) = one.accept().await.unwrap();
        let (mut there, _) = other.accept().await.unwrap();
        socket.send(2, b"there").await;
        socket.send(0, b"here").await;
        let mut part = [0; 5];
        assert_eq!(there.read(&mut part).await.unwrap(), 5);
        assert_eq!(here.read(&mut part).await.unwrap(), 4);
        there.write_all(b"from there").await.unwrap();
        assert_eq!(socket.next().await, Some((2, b"from there".to_vec())));
    }
}

fn address(listener: &TcpListener) -> Ipv4Addr {
    match listener.local_addr().unwrap().ip() {
        std::net::IpAddr::V4(address) => address,
        std::net::IpAddr::V6(address) => panic!("{address}"),
    }
}

#[tokio::test]
async fn ports_that_are_none() {
    let (_double, client, _listener) = listening().await;
    for (query, why) in [
        ("", "query parameter \"port\" is required"),
        ("?ports=0", "port \"0\" must be > 0"),
        ("?ports=ssh", "unable to parse \"ssh\" as a port: invalid digit found in string"),
    ] {
        let path = format!("{}/portforward{query}", pod_path("a"));
        let refused = Socket::open(&client, &path, V4).await.err();
        assert_eq!(refused, Some((400, why.to_owned())));
    }
    let path = format!("{}/portforward?ports=22", pod_path("a"));
    let refused = Socket::open(&client, &path, "v5.channel.k8s.io").await.err();
    assert_eq!(refused, Some((403, String::new())));
}
