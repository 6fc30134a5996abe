//! Ports of a pod: two channels each, for data and for what went wrong.
//!
//! As containerd serves it (`portforward/websocket.go` of Kubernetes' `cri/streaming`, and
//! `internal/cri/server/sandbox_portforward_linux.go`). kubectl speaks SPDY through a WebSocket
//! instead since Kubernetes 1.31; this older way is still there.

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::handshake::{Accepted, Handshake};
use super::output::PART;
use super::target;
use super::wire::{Incoming, Wire};
use crate::eks::call::Call;
use crate::eks::containers::Containers;
use crate::eks::refusal::Refusal;
use crate::eks::state::World;
use crate::random;

const PROTOCOL: &str = "v4.channel.k8s.io";

/// How long one direction has after the end of the other.
const LINGER: Duration = Duration::from_secs(1);

/// Ports that were let in.
#[derive(Debug)]
pub(super) struct Forward {
    address: Ipv4Addr,
    /// Where a pod has a network of its own.
    containers: Option<Arc<Containers>>,
    ports: Vec<u16>,
    /// The runtime's name of the pod.
    sandbox: String,
}

/// One port that is connected.
struct Link<'a> {
    index: usize,
    port: u16,
    reader: OwnedReadHalf,
    writer: &'a Mutex<Option<OwnedWriteHalf>>,
}

pub(super) fn open(
    world: &World,
    call: &Call,
    pod: &Value,
    handshake: &Handshake,
) -> Result<(Forward, Accepted), Refusal> {
    target::check_host(pod)?;
    handshake.check()?;
    let ports = ports(call)?;
    let known = world.with_life(&target::uid(pod), |life| (life.address, life.containers.clone()));
    let running = pod["status"]["phase"] == "Running";
    let Some((address, containers)) = known.filter(|_| running) else {
        let text = |name: &str| pod["metadata"][name].as_str().unwrap_or_default();
        let full_name = format!("{}_{}", text("name"), text("namespace"));
        return Err(Refusal::passed_on(500, format!("pod not found ({full_name:?})")));
    };
    let accepted = handshake.accept(&[PROTOCOL])?;
    Ok((Forward { address, containers, ports, sandbox: random::hex(64) }, accepted))
}

fn ports(call: &Call) -> Result<Vec<u16>, Refusal> {
    let refused = |why: String| Refusal::passed_on(400, why);
    let mut ports = Vec::new();
    for text in call.all("ports").into_iter().flat_map(|text| text.split(',')) {
        let port: u16 = text
            .parse()
            .map_err(|error| refused(format!("unable to parse {text:?} as a port: {error}")))?;
        if port == 0 {
            return Err(refused(format!("port {text:?} must be > 0")));
        }
        ports.push(port);
    }
    if ports.is_empty() {
        // The kubelet's name of the field, not the API server's.
        return Err(refused("query parameter \"port\" is required".to_owned()));
    }
    Ok(ports)
}

impl Forward {
    pub(super) async fn run(self, wire: &Wire, incoming: Incoming) {
        for (index, port) in self.ports.iter().enumerate() {
            for channel in [data_channel(index), error_channel(index)] {
                wire.send(channel, &port.to_le_bytes()).await;
            }
        }
        let writers: Vec<Mutex<Option<OwnedWriteHalf>>> =
            self.ports.iter().map(|_| Mutex::new(None)).collect();
        let mut links = Vec::new();
        for (index, &port) in self.ports.iter().enumerate() {
            match self.connect(port).await {
                Ok(stream) => {
                    let (reader, writer) = stream.into_split();
                    *writers[index].lock().await = Some(writer);
                    links.push(Link { index, port, reader, writer: &writers[index] });
                }
                Err(error) => self.no_connection(wire, index, port, &error).await,
            }
        }
        tokio::select! {
            () = async {
                join_all(links.into_iter().map(|link| self.pass_output_on(wire, link))).await;
                wire.close().await;
            } => {}
            () = async {
                pass_input_on(wire, incoming, &writers).await;
                // The outputs notice by themselves.
                std::future::pending::<()>().await;
            } => {}
        }
    }

    async fn connect(&self, port: u16) -> io::Result<TcpStream> {
        let Some(containers) = self.containers.clone() else {
            return TcpStream::connect((self.address, port)).await;
        };
        let dialled = spawn_blocking(move || containers.dial(port)).await;
        let stream = dialled.map_err(io::Error::other)??;
        stream.set_nonblocking(true)?;
        TcpStream::from_std(stream)
    }

    /// From the pod to the client, until the pod has no more to say.
    async fn pass_output_on(&self, wire: &Wire, mut link: Link<'_>) {
        let mut part = vec![0; PART];
        let failure = loop {
            let read = tokio::select! {
                biased;
                _ = wire.until_lost() => return,
                read = link.reader.read(&mut part) => read,
            };
            match read {
                Ok(0) => break None,
                Ok(size) => {
                    if !wire.send(data_channel(link.index), &part[..size]).await {
                        return;
                    }
                }
                Err(error) => break Some(error),
            }
        };
        match failure {
            Some(error) => {
                let port = link.port;
                let why = format!("read tcp4 127.0.0.1:{port}: {}", words(&error));
                self.tell(wire, link.index, port, &why).await;
            }
            None => {
                tokio::select! {
                    () = sleep(LINGER) => {}
                    _ = wire.until_lost() => {}
                }
            }
        }
        // Held by what the pod does not take, if at all; then it ends with the connection.
        if let Ok(mut writer) = link.writer.try_lock() {
            writer.take();
        }
    }

    async fn no_connection(&self, wire: &Wire, index: usize, port: u16, error: &std::io::Error) {
        let (sandbox, said) = (&self.sandbox, words(error));
        let why = format!(
            "failed to connect to localhost:{port} inside namespace \"{sandbox}\", IPv4: dial \
             tcp4 127.0.0.1:{port}: connect: {said} IPv6 dial tcp6 [::1]:{port}: connect: {said} ",
        );
        self.tell(wire, index, port, &why).await;
    }

    async fn tell(&self, wire: &Wire, index: usize, port: u16, why: &str) {
        let (sandbox, network) = (&self.sandbox, random::uuid());
        let text = format!(
            "error forwarding port {port} to pod {sandbox}, uid : failed to execute portforward \
             in network namespace \"/var/run/netns/cni-{network}\": {why}"
        );
        wire.send(error_channel(index), text.as_bytes()).await;
    }
}

/// From the client to the pod, until the connection is over.
async fn pass_input_on(
    wire: &Wire,
    mut incoming: Incoming,
    writers: &[Mutex<Option<OwnedWriteHalf>>],
) {
    while let Some(message) = wire.next(&mut incoming).await {
        let Some((&channel, data)) = message.split_first() else { continue };
        let Some(writer) = writers.get(usize::from(channel / 2)).filter(|_| channel % 2 == 0)
        else {
            continue;
        };
        let mut writer = writer.lock().await;
        let written = match writer.as_mut() {
            None => continue,
            Some(pipe) => tokio::select! {
                biased;
                _ = wire.until_lost() => break,
                written = pipe.write_all(data) => written,
            },
        };
        if written.is_err() {
            // Nobody takes the rest.
            writer.take();
        }
    }
    for writer in writers {
        writer.lock().await.take();
    }
    wire.drop_connection(incoming).await;
}

fn data_channel(index: usize) -> u8 {
    // There are never 128 ports.
    u8::try_from(index * 2).unwrap_or(u8::MAX)
}

fn error_channel(index: usize) -> u8 {
    data_channel(index).saturating_add(1)
}

/// As Go says it: without the number.
fn words(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        std::io::ErrorKind::ConnectionReset => "read: connection reset by peer".to_owned(),
        _ => error.to_string(),
    }
}
