//! An error and its causes.

use std::error::Error as StdError;
use std::io;

/// The error and its causes, outermost first.
pub(crate) fn chain<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

/// The causes as one text: the SDK's own top-level texts say nothing, and its Debug form would
/// show whole requests.
pub(crate) fn flat(error: &(dyn StdError + 'static)) -> String {
    let mut parts: Vec<String> = Vec::new();
    for cause in chain(error) {
        let text = cause.to_string();
        if parts.last() != Some(&text) {
            parts.push(text);
        }
    }
    parts.join(": ")
}

/// Whether no connection came about, so that nothing was sent.
pub(crate) fn never_connected(error: &(dyn StdError + 'static)) -> bool {
    chain(error).any(|cause| {
        let refused = cause.downcast_ref::<io::Error>().is_some_and(|io| {
            matches!(
                io.kind(),
                io::ErrorKind::ConnectionRefused
                    | io::ErrorKind::HostUnreachable
                    | io::ErrorKind::NetworkUnreachable
                    | io::ErrorKind::AddrNotAvailable
            )
        });
        // The connector keeps its own types private; its texts are all there is.
        let text = cause.to_string();
        // hyper-util says "(Connect)" of everything up to the end of the TLS handshake.
        refused
            || ["dns error", "connect timeout", "client error (Connect)"]
                .iter()
                .any(|part| text.contains(part))
    })
}
