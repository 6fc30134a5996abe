//! A command's standard input: a queue between the connection and the pipe.

use std::sync::Arc;

use bytes::Bytes;
use tokio::io::AsyncWriteExt;
use tokio::process::ChildStdin;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::gate::Load;

/// The connection's end. Dropping it closes the command's standard input once the queue is empty.
#[derive(Debug)]
pub(crate) struct Input {
    queue: UnboundedSender<Piece>,
    load: Arc<Load>,
}

/// The command's end.
#[derive(Debug)]
pub(crate) struct Feeder {
    queue: UnboundedReceiver<Piece>,
}

/// Input that counts as queued until it is dropped.
#[derive(Debug)]
struct Piece {
    data: Bytes,
    load: Arc<Load>,
}

impl Drop for Piece {
    fn drop(&mut self) {
        self.load.remove(self.data.len());
    }
}

/// A queue whose length counts in `load`; [`Gate`](crate::gate::Gate) keeps it bounded.
pub(crate) fn input(load: Arc<Load>) -> (Input, Feeder) {
    let (sender, receiver) = unbounded_channel();
    (Input { queue: sender, load }, Feeder { queue: receiver })
}

impl Input {
    /// Queues `data`. What comes after the command stopped reading is dropped.
    pub(crate) fn push(&self, data: &[u8]) {
        self.load.add(data.len());
        let piece = Piece { data: Bytes::copy_from_slice(data), load: Arc::clone(&self.load) };
        if self.queue.send(piece).is_err() {
            tracing::trace!("input after the command's end is dropped");
        }
    }
}

impl Feeder {
    /// Writes the queue to `stdin` until the client ends it or the command stops reading.
    pub(crate) async fn feed(mut self, mut stdin: ChildStdin) {
        while let Some(piece) = self.queue.recv().await {
            if stdin.write_all(&piece.data).await.is_err() {
                // The command closed its input; that is its right.
                return;
            }
        }
    }
}
