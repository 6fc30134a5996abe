//! A WebSocket client that knows nothing of Kubernetes but its channels.

use std::time::Duration;

use fargate_test_support::eks::{EksDouble, EksOptions, TaskProgram};
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::client::{Request, generate_key};
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::client::{Client, pod, pod_path, with};

pub(crate) const V5: &str = "v5.channel.k8s.io";
pub(crate) const V4: &str = "v4.channel.k8s.io";

/// Nothing takes as long; it keeps a mistake from hanging.
pub(crate) const LONG: Duration = Duration::from_secs(60);

pub(crate) struct Socket {
    pub(crate) inner: WebSocketStream<TcpStream>,
    pub(crate) protocol: String,
}

/// Everything a command did.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
    pub(crate) status: Value,
}

impl Ended {
    /// The exit code of the status.
    pub(crate) fn code(&self) -> i32 {
        if self.status["status"] == "Success" {
            return 0;
        }
        assert_eq!(self.status["reason"], "NonZeroExitCode", "{}", self.status);
        let cause = &self.status["details"]["causes"][0];
        assert_eq!(cause["reason"], "ExitCode");
        cause["message"].as_str().unwrap().parse().unwrap()
    }

    pub(crate) fn out(&self) -> &str {
        std::str::from_utf8(&self.stdout).unwrap()
    }
}

impl Socket {
    /// Opens a WebSocket; the refusal is the status code and the body.
    pub(crate) async fn open(
        client: &Client,
        path: &str,
        protocols: &str,
    ) -> Result<Self, (u16, String)> {
        Self::open_as(client, client.authorization(), path, protocols).await.unwrap()
    }

    /// The outer error is that of a connection that ends.
    pub(crate) async fn open_as(
        client: &Client,
        authorization: &str,
        path: &str,
        protocols: &str,
    ) -> Result<Result<Self, (u16, String)>, Error> {
        let authority = client.authority();
        let request = Request::builder()
            .uri(format!("ws://{authority}{path}"))
            .header("host", authority)
            .header("authorization", authorization)
            .header("connection", "Upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", generate_key())
            .header("sec-websocket-protocol", protocols)
            .body(())
            .unwrap();
        let socket = TcpSocket::new_v4()?;
        // What a client does not read stays with the server.
        socket.set_recv_buffer_size(16 << 10)?;
        let stream = socket.connect(authority.parse().unwrap()).await?;
        match tokio_tungstenite::client_async(request, stream).await {
            Ok((inner, answer)) => {
                let protocol = answer.headers()["sec-websocket-protocol"].to_str().unwrap();
                Ok(Ok(Self { inner, protocol: protocol.to_owned() }))
            }
            Err(Error::Http(answer)) => {
                let body = answer.body().as_deref().unwrap_or_default();
                let body = String::from_utf8_lossy(body).into_owned();
                Ok(Err((answer.status().as_u16(), body)))
            }
            Err(error) => Err(error),
        }
    }

    /// A command with all three streams, in the newest protocol.
    pub(crate) async fn exec(client: &Client, pod: &str, command: &[&str]) -> Self {
        Self::open(client, &exec_path(pod, command), &format!("{V5}, {V4}")).await.unwrap()
    }

    pub(crate) async fn send(&mut self, channel: u8, data: &[u8]) {
        let mut message = vec![channel];
        message.extend_from_slice(data);
        self.inner.send(Message::binary(message)).await.unwrap();
    }

    pub(crate) async fn close_stdin(&mut self) {
        self.send(255, &[0]).await;
    }

    /// The next message on a channel; `None` once the server has said that this was all.
    pub(crate) async fn next(&mut self) -> Option<(u8, Vec<u8>)> {
        loop {
            let message = timeout(LONG, self.inner.next()).await.expect("the server says nothing");
            match message {
                Some(Ok(Message::Binary(data))) => return Some((data[0], data[1..].to_vec())),
                Some(Ok(Message::Close(_))) => return None,
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => panic!("the connection broke: {other:?}"),
            }
        }
    }

    /// Whether the connection ends without a word.
    pub(crate) async fn broken(&mut self) -> bool {
        let message = timeout(LONG, self.inner.next()).await.expect("the connection stands");
        matches!(message, Some(Err(_)) | None)
    }

    /// Reads output of a channel until it has this in it.
    pub(crate) async fn until(&mut self, channel: u8, wanted: &str) -> String {
        let mut text = String::new();
        while !text.contains(wanted) {
            let (from, data) = self.next().await.expect("more output");
            assert!(from == channel || data.is_empty(), "{from}: {data:?}");
            text.push_str(std::str::from_utf8(&data).unwrap());
        }
        text
    }

    /// Everything up to the end.
    pub(crate) async fn ended(&mut self) -> Ended {
        let mut all = [const { Vec::new() }; 4];
        while let Some((channel, data)) = self.next().await {
            assert!(all[3].is_empty(), "the status is the last message");
            all[usize::from(channel)].extend(data);
        }
        let [_, stdout, stderr, status] = all;
        let status = serde_json::from_slice(&status).expect("a status");
        Ended { stdout, stderr, status }
    }
}

/// The path of a command with all three streams.
pub(crate) fn exec_path(pod: &str, command: &[&str]) -> String {
    let mut path = format!("{}/exec?stdin=true&stdout=true&stderr=true&tty=false", pod_path(pod));
    for word in command {
        let word: String = form_urlencoded::byte_serialize(word.as_bytes()).collect();
        path.push_str(&format!("&command={word}"));
    }
    path
}

/// Says much more than pipes and sockets hold.
pub(crate) const FLOOD: &str = "head -c 67108864 /dev/zero";
pub(crate) const FLOOD_SIZE: usize = 64 << 20;

/// Waits until a process that runs [`FLOOD`] writes no more, and has not come to its end. Should it
/// only have been slow for a while, the test is easier, not wrong.
pub(crate) async fn held_up(pid: u32) {
    let (mut before, mut same) = (0, 0);
    while same < 40 {
        let io = std::fs::read_to_string(format!("/proc/{pid}/io")).expect("it still runs");
        let now = io.lines().find_map(|line| line.strip_prefix("wchar: ")).unwrap();
        let now: usize = now.parse().unwrap();
        same = if now > PIPE && now == before { same + 1 } else { 0 };
        before = now;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(before < FLOOD_SIZE, "all was taken");
}

/// Before it has filled its pipe it has hardly begun.
const PIPE: usize = 60_000;

/// Pods run what they say themselves.
pub(crate) fn command() -> EksOptions {
    EksOptions { program: TaskProgram::Command, ..EksOptions::default() }
}

/// A double with a pod "a" that runs, and has neither an SSH server nor an agent.
pub(crate) async fn idle(options: EksOptions) -> (EksDouble, Client) {
    let (double, client) = with(options).await;
    let mut idle = pod("a", "key");
    idle["spec"]["containers"][0]["command"] =
        serde_json::json!(["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done"]);
    client.create(&idle).await;
    double.wait_for("a", "Running").await;
    (double, client)
}
