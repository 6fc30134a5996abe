//! A WebSocket of channels: the first byte of a message says whose it is.

use std::convert::Infallible;
use std::future::pending;

use bytes::{BufMut, Bytes, BytesMut};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::sync::{Mutex, watch};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::eks::state::Cuts;

type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// The messages of a client.
pub(super) type Incoming = SplitStream<Socket>;

/// Who is not there any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lost {
    Client,
    Server,
}

/// The way to the client. Each message is on its way before the next one is taken, so that a
/// client that does not read holds up whoever writes.
#[derive(Debug)]
pub(super) struct Wire {
    sink: Mutex<Option<SplitSink<Socket, Message>>>,
    lost: watch::Sender<Option<Lost>>,
}

impl Wire {
    pub(super) fn new(socket: Socket) -> (Self, Incoming) {
        let (sink, incoming) = socket.split();
        (Self { sink: Mutex::new(Some(sink)), lost: watch::Sender::new(None) }, incoming)
    }

    /// Leads nowhere.
    pub(super) fn lost() -> Self {
        Self { sink: Mutex::new(None), lost: watch::Sender::new(Some(Lost::Client)) }
    }

    /// Sends a message on a channel; `false` if nobody is there any more.
    pub(super) async fn send(&self, channel: u8, data: &[u8]) -> bool {
        let mut message = BytesMut::with_capacity(data.len() + 1);
        message.put_u8(channel);
        message.put_slice(data);
        self.put(Message::Binary(message.freeze())).await
    }

    /// Says that this was all.
    pub(super) async fn close(&self) {
        let frame = CloseFrame { code: CloseCode::Normal, reason: "".into() };
        self.put(Message::Close(Some(frame))).await;
    }

    async fn put(&self, message: Message) -> bool {
        let send = async {
            match &mut *self.sink.lock().await {
                Some(sink) => sink.send(message).await.is_ok(),
                None => false,
            }
        };
        tokio::select! {
            biased;
            _ = self.until_lost() => false,
            sent = send => {
                if !sent {
                    self.lose(Lost::Client);
                }
                sent
            }
        }
    }

    /// The client's next message that is data; `None` if nothing comes any more.
    pub(super) async fn next(&self, incoming: &mut Incoming) -> Option<Bytes> {
        loop {
            let message = tokio::select! {
                biased;
                _ = self.until_lost() => None,
                message = incoming.next() => message,
            };
            match message {
                Some(Ok(Message::Binary(data))) => return Some(data),
                Some(Ok(Message::Text(text))) => return Some(text.into()),
                // A ping is answered while the next message is read.
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                Some(Ok(Message::Close(_)) | Err(_)) | None => {
                    self.lose(Lost::Client);
                    return None;
                }
            }
        }
    }

    /// From now on nobody is there.
    pub(super) fn lose(&self, who: Lost) {
        self.lost.send_if_modified(|lost| {
            let first = lost.is_none();
            lost.get_or_insert(who);
            first
        });
    }

    /// Waits until nobody is there, and says who went.
    pub(super) async fn until_lost(&self) -> Lost {
        let mut lost = self.lost.subscribe();
        let lost = lost.wait_for(Option::is_some).await.ok().and_then(|lost| *lost);
        match lost {
            Some(who) => who,
            // The sender is this wire's own: it is there.
            None => pending().await,
        }
    }

    /// Lets go of the connection; the other half is the [`Incoming`].
    pub(super) async fn drop_connection(&self, incoming: Incoming) {
        drop(incoming);
        self.sink.lock().await.take();
    }

    /// Loses the connection when all are cut.
    pub(super) async fn cut_with(&self, mut cuts: Cuts) -> Infallible {
        if cuts.changed().await.is_ok() {
            let server_gone = cuts.borrow().server_gone;
            self.lose(if server_gone { Lost::Server } else { Lost::Client });
        }
        pending().await
    }
}
