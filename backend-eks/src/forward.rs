//! Ports of pods, through the cluster's API.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use fargate_core::transport::{ByteStream, Dial};
use fargate_core::{Result, async_trait};
use futures_util::{Sink, Stream as _};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::tungstenite::{Error as WsError, Message};

use crate::call::FORWARD;
use crate::config::EksConfig;
use crate::reach::Reach;
use crate::socket::Socket;

/// Two channels a port, data and error; each begins with a message that names the port. Source:
/// `websocket.go` of `k8s.io/kubelet/pkg/cri/streaming/portforward`.
const PROTOCOL: &str = "v4.channel.k8s.io";
const DATA: u8 = 0;
const ERROR: u8 = 1;
/// Bytes of the message that names the port.
const PORT_BYTES: usize = 2;
/// Bytes in one message: what `kubectl` sends.
const CHUNK: usize = 32 << 10;

/// Reaches the ports of pods through the cluster's API, as `kubectl port-forward` does.
///
/// The cluster is looked up on the first use. Each stream takes one WebSocket and one question for
/// the pod: it is opened only to the pod with the uid that is known.
#[derive(Debug, Clone)]
pub struct PodPorts {
    reach: Arc<Reach>,
}

impl PodPorts {
    /// The ports of the pods of the cluster that `config` names.
    #[must_use]
    pub fn new(config: EksConfig) -> Self {
        Self { reach: Arc::new(Reach::new(config)) }
    }
}

#[async_trait]
impl Dial for PodPorts {
    async fn dial(&self, task: &str, instance: &str, port: u16) -> Result<Box<dyn ByteStream>> {
        let pod = self.reach.pod(task, Some(instance)).await?;
        let (_, socket) = pod.open(FORWARD, &format!("ports={port}"), PROTOCOL).await?;
        Ok(Box::new(ForwardedPort::new(socket)))
    }
}

/// One port of a pod.
struct ForwardedPort {
    socket: Socket,
    /// Read, but not asked for yet.
    held: Bytes,
    /// What is still to come of each channel's first message.
    unnamed: [usize; 2],
}

impl ForwardedPort {
    fn new(socket: Socket) -> Self {
        Self { socket, held: Bytes::new(), unnamed: [PORT_BYTES; 2] }
    }

    /// The bytes of a message that are the port's.
    fn bytes(&mut self, message: Message) -> io::Result<Option<Bytes>> {
        let mut data = match message {
            Message::Binary(data) => data,
            Message::Close(_) => return Ok(None),
            _ => return Ok(Some(Bytes::new())),
        };
        let Some(channel @ (DATA | ERROR)) = data.first().copied() else {
            return Ok(Some(Bytes::new()));
        };
        data.advance(1);
        let unnamed = &mut self.unnamed[usize::from(channel)];
        let name = data.len().min(*unnamed);
        *unnamed -= name;
        data.advance(name);
        if channel == ERROR && !data.is_empty() {
            let said = String::from_utf8_lossy(&data).trim().to_owned();
            return Err(io::Error::new(io::ErrorKind::ConnectionRefused, said));
        }
        Ok(Some(if channel == DATA { data } else { Bytes::new() }))
    }
}

impl AsyncRead for ForwardedPort {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        while this.held.is_empty() {
            let Some(message) = ready!(Pin::new(&mut this.socket).poll_next(cx)) else {
                return Poll::Ready(Ok(()));
            };
            match this.bytes(message.map_err(broken)?)? {
                Some(bytes) => this.held = bytes,
                None => return Poll::Ready(Ok(())),
            }
        }
        let taken = this.held.len().min(buf.remaining());
        buf.put_slice(&this.held.split_to(taken));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for ForwardedPort {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut socket = Pin::new(&mut self.get_mut().socket);
        ready!(socket.as_mut().poll_ready(cx)).map_err(broken)?;
        let chunk = &buf[..buf.len().min(CHUNK)];
        let mut message = BytesMut::with_capacity(chunk.len() + 1);
        message.put_u8(DATA);
        message.put_slice(chunk);
        socket.start_send(Message::Binary(message.freeze())).map_err(broken)?;
        Poll::Ready(Ok(chunk.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_flush(cx).map_err(broken)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_close(cx).map_err(broken)
    }
}

fn broken(error: WsError) -> io::Error {
    match error {
        WsError::Io(error) => error,
        WsError::ConnectionClosed | WsError::AlreadyClosed => {
            io::Error::from(io::ErrorKind::ConnectionAborted)
        }
        other => io::Error::other(other),
    }
}
