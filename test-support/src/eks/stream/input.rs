//! What a client sends to a command.

use tokio::io::AsyncWriteExt;
use tokio::process::ChildStdin;

use super::exec::{CLOSE, Protocol, STDIN};
use super::wire::{Incoming, Wire};

/// Passes standard input on until the connection is over. What the command does not take holds up
/// everything behind it, pings too, as in `handle` of Kubernetes' `wsstream/conn.go`.
pub(super) async fn pass_on(
    protocol: Protocol,
    wire: &Wire,
    incoming: Option<Incoming>,
    mut stdin: Option<ChildStdin>,
) {
    let Some(mut incoming) = incoming else { return };
    while let Some(message) = wire.next(&mut incoming).await {
        match message.split_first() {
            Some((&STDIN, data)) => {
                if let Some(pipe) = &mut stdin {
                    let written = tokio::select! {
                        biased;
                        _ = wire.until_lost() => break,
                        written = pipe.write_all(data) => written,
                    };
                    if written.is_err() {
                        // The command does not read any more; the rest goes nowhere.
                        stdin = None;
                    }
                }
            }
            Some((&CLOSE, &[STDIN])) if protocol == Protocol::V5 => stdin = None,
            // Sizes of terminals, and what is for nobody.
            _ => {}
        }
    }
    drop(stdin);
    wire.drop_connection(incoming).await;
}
