//! From a command's output pipe to its channel.

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use russh::ChannelWriteHalf;
use russh::server::Msg;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::gate::Load;

/// One read; the capacity of a pipe (pipe(7)).
const CHUNK: usize = 64 << 10;
/// A pipe can be made this large without privileges (fs.pipe-max-size in proc(5)): as much may
/// be the command's own although it is over.
const LARGEST_PIPE: usize = 1 << 20;
/// Silence after the command's end that ends the drain.
const IDLE: Duration = Duration::from_millis(500);
/// How long a left-behind process that never falls silent is listened to.
const LINGER: Duration = Duration::from_secs(2);

/// When the command ended, once it has.
pub(crate) type Ended = watch::Receiver<Option<Instant>>;

/// Sends everything `pipe` gives, on standard output or as extended data of type `kind` (RFC 4254
/// section 5.2), at the pace the client's window allows.
///
/// Returns at the pipe's end, when the connection is gone, or when a drain after the command's
/// end is over.
pub(crate) async fn pump(
    mut pipe: impl AsyncRead + Unpin,
    kind: Option<u32>,
    channel: &ChannelWriteHalf<Msg>,
    load: &Arc<Load>,
    mut ended: Ended,
) {
    let mut buffer = BytesMut::new();
    let mut drained = 0;
    loop {
        buffer.reserve(CHUNK);
        let read = tokio::select! {
            biased;
            read = pipe.read_buf(&mut buffer) => read,
            () = silence(&mut ended) => return,
        };
        let Ok(1..) = read else { return };
        let ended_at = *ended.borrow();
        if ended_at.is_some() {
            drained += buffer.len();
        }
        let data = buffer.split().freeze();
        let sending = load.sending();
        let sent = match kind {
            None => channel.data_bytes(data).await,
            Some(kind) => channel.extended_data_bytes(kind, data).await,
        };
        drop(sending);
        let lingered = ended_at.is_some_and(|at| at.elapsed() > LINGER);
        if sent.is_err() || (lingered && drained > LARGEST_PIPE) {
            return;
        }
    }
}

/// Returns [`IDLE`] after the command's end, or after the call where that is later.
async fn silence(ended: &mut Ended) {
    if ended.wait_for(Option::is_some).await.is_err() {
        // Nobody will tell of an end any more: the pipe alone decides.
        std::future::pending::<()>().await;
    }
    sleep(IDLE).await;
}
