//! One command's WebSocket.

use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use fargate_aws_access::chain::flat;
use fargate_core::transport::{Event, Input, Session};
use fargate_core::{ErrorKind, ExitStatus, Stream};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use tokio::sync::Mutex;
use tokio::time::{Interval, MissedTickBehavior, interval, timeout};
use tokio_tungstenite::tungstenite::Message;

use super::outcome::{self, Outcome};

use crate::reach::PodAt;
use crate::socket::Socket;

/// The first byte of each message. Source: `constants.go` of
/// `k8s.io/apimachinery/pkg/util/remotecommand`.
mod channel {
    pub(super) const STDIN: u8 = 0;
    pub(super) const STDOUT: u8 = 1;
    pub(super) const STDERR: u8 = 2;
    pub(super) const STATUS: u8 = 3;
    /// The second byte names the channel that ends.
    pub(super) const CLOSE: u8 = 255;
}

/// Bytes of standard input in one message: what `kubectl` sends.
const CHUNK: usize = 32 << 10;

/// So many unanswered questions in a row are forgiven.
const FORGIVEN: u32 = 3;

type Writer = Arc<Mutex<SplitSink<Socket, Message>>>;

/// One command's streams.
pub(super) struct PodSession {
    read: SplitStream<Socket>,
    write: Writer,
    pod: PodAt,
    op: &'static str,
    pings: Interval,
    unanswered: u32,
    /// Whether the command has written anything: then it was started.
    has_spoken: bool,
    over: bool,
    why: Option<String>,
}

impl PodSession {
    pub(super) fn new(socket: Socket, pod: PodAt, op: &'static str) -> (Self, PodInput) {
        let (write, read) = socket.split();
        let write = Arc::new(Mutex::new(write));
        let mut pings = interval(pod.cluster.pace.keepalive);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        pings.reset();
        let input = PodInput(Arc::clone(&write));
        let session = Self {
            read,
            write,
            pod,
            op,
            pings,
            unanswered: 0,
            has_spoken: false,
            over: false,
            why: None,
        };
        (session, input)
    }

    /// What a message means; `None` for one without news.
    fn event(&mut self, message: Message) -> Option<Event> {
        match message {
            Message::Binary(data) => {
                let (number, data) = (*data.first()?, data.slice(1..));
                self.of_channel(number, data)
            }
            Message::Close(frame) => {
                self.over = true;
                self.why = frame
                    .filter(|frame| !frame.reason.is_empty())
                    .map(|frame| format!("the cluster closed the session: {}", frame.reason));
                None
            }
            _ => None,
        }
    }

    fn of_channel(&mut self, number: u8, data: Bytes) -> Option<Event> {
        let stream = match number {
            channel::STDOUT => Stream::Stdout,
            channel::STDERR => Stream::Stderr,
            channel::STATUS => return self.outcome(outcome::read(&data)),
            _ => return None,
        };
        // The first, empty message of each channel only opens it.
        if data.is_empty() {
            return None;
        }
        self.has_spoken = true;
        Some(Event::Output(stream, data))
    }

    fn outcome(&mut self, outcome: Outcome) -> Option<Event> {
        let refused = |kind, what: &str, said: &str| {
            let error = self.pod.error(kind, self.op, what).with("cluster says", said);
            let hint = match kind {
                ErrorKind::Unsupported => {
                    "take an image with a POSIX shell, cat, wc, rm and sleep, such as busybox"
                }
                _ => "the API server does not reach the pod's machine: is its network in order?",
            };
            Some(Event::Refused(error.hint(hint)))
        };
        match outcome {
            Outcome::Exited(code) => return Some(Event::Status(ExitStatus::Code(code))),
            Outcome::NoProgram(said) if !self.has_spoken => {
                return refused(ErrorKind::Unsupported, "its image has no shell", &said);
            }
            Outcome::NotHandedOver(said) if !self.has_spoken => {
                return refused(ErrorKind::Unavailable, "the command was not handed over", &said);
            }
            Outcome::NoProgram(said) | Outcome::NotHandedOver(said) | Outcome::Failed(said) => {
                self.over = true;
                self.why = Some(format!("the cluster says: {said}"));
            }
        }
        None
    }

    /// Asks for a sign of life; says whether there is still hope for one.
    async fn ping(&mut self) -> bool {
        // While standard input is being written, that is the question.
        if let Ok(mut write) = self.write.try_lock() {
            if self.unanswered >= FORGIVEN {
                return false;
            }
            self.unanswered += 1;
            // What is wrong with the connection shows on the reading side.
            write.send(Message::Ping(Bytes::new())).await.ok();
        }
        true
    }
}

impl Session for PodSession {
    async fn next(&mut self) -> Option<Event> {
        while !self.over {
            let message = tokio::select! {
                biased;
                message = self.read.next() => message,
                _ = self.pings.tick() => {
                    if !self.ping().await {
                        self.why = Some("the cluster has stopped answering".to_owned());
                        break;
                    }
                    continue;
                }
            };
            self.unanswered = 0;
            self.pings.reset();
            match message {
                Some(Ok(message)) => {
                    if let Some(event) = self.event(message) {
                        return Some(event);
                    }
                }
                Some(Err(error)) => {
                    self.why.get_or_insert_with(|| {
                        format!("the connection to the cluster broke: {}", flat(&error))
                    });
                    break;
                }
                None => break,
            }
        }
        self.over = true;
        None
    }

    fn why_ended(&self) -> Option<String> {
        self.why.clone()
    }

    async fn close(self) {
        let goodbye = async { self.write.lock().await.close().await.ok() };
        timeout(Duration::from_millis(100), goodbye).await.ok();
    }
}

/// The way to a command's standard input.
pub(super) struct PodInput(Writer);

impl Input for PodInput {
    async fn send(self, data: Bytes) {
        let mut write = self.0.lock().await;
        for chunk in data.chunks(CHUNK) {
            let mut message = BytesMut::with_capacity(chunk.len() + 1);
            message.put_u8(channel::STDIN);
            message.put_slice(chunk);
            if write.send(Message::Binary(message.freeze())).await.is_err() {
                return;
            }
        }
        let end = Bytes::from_static(&[channel::CLOSE, channel::STDIN]);
        write.send(Message::Binary(end)).await.ok();
    }
}
