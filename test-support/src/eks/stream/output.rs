//! What a command says.

use tokio::io::{AsyncRead, AsyncReadExt};

use super::exec::Protocol;
use super::wire::{Lost, Wire};
use crate::eks::LostOutput;

/// As much as Go's `io.Copy` takes at a time.
pub(super) const PART: usize = 32 * 1024;

/// Passes a stream on until its end. Once nobody is there, the stream meets its fate: one that
/// stalls comes back, to be kept open.
pub(super) async fn pass_on<R: AsyncRead + Unpin>(
    protocol: Protocol,
    fate: Option<LostOutput>,
    wire: &Wire,
    channel: u8,
    stream: Option<R>,
) -> Option<R> {
    let mut stream = stream?;
    let mut part = vec![0; PART];
    loop {
        let read = tokio::select! {
            biased;
            _ = wire.until_lost() => break,
            read = stream.read(&mut part) => read,
        };
        // A pipe that cannot be read has nothing more to say.
        let size = read.unwrap_or(0);
        if size == 0 {
            return None;
        }
        if !wire.send(channel, &part[..size]).await {
            break;
        }
    }
    let lost = wire.until_lost().await;
    let real = match (protocol, lost) {
        (Protocol::V5, Lost::Client) => LostOutput::Discarded,
        _ => LostOutput::Stalled,
    };
    match fate.unwrap_or(real) {
        LostOutput::Discarded => {
            while stream.read(&mut part).await.is_ok_and(|size| size > 0) {}
            None
        }
        LostOutput::Stalled => Some(stream),
        LostOutput::Broken => None,
    }
}
