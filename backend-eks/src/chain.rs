//! An error and its causes.

use std::error::Error as StdError;
use std::io;

use hyper_util::client::legacy;

/// The error and its causes, outermost first.
pub(crate) fn chain<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

/// The causes as one text: the outermost alone says nothing.
pub(crate) fn flat(error: &(dyn StdError + 'static)) -> String {
    let mut said = String::new();
    for cause in chain(error) {
        let text = cause.to_string();
        // Some libraries repeat the inner text in the outer one.
        if !said.contains(&text) {
            if !said.is_empty() {
                said.push_str(": ");
            }
            said.push_str(&text);
        }
    }
    said
}

/// Whether no connection came about, so that nothing was sent.
pub(crate) fn never_connected(error: &(dyn StdError + 'static)) -> bool {
    chain(error).any(|cause| {
        // Everything up to the end of the TLS handshake.
        if cause.downcast_ref::<legacy::Error>().is_some_and(legacy::Error::is_connect) {
            return true;
        }
        let refused = cause.downcast_ref::<io::Error>().is_some_and(|io| {
            matches!(
                io.kind(),
                io::ErrorKind::ConnectionRefused
                    | io::ErrorKind::HostUnreachable
                    | io::ErrorKind::NetworkUnreachable
                    | io::ErrorKind::AddrNotAvailable
            )
        });
        // The AWS SDK keeps its connector's types private; its texts are all there is.
        let text = cause.to_string();
        refused
            || ["dns error", "connect timeout", "client error (Connect)"]
                .iter()
                .any(|part| text.contains(part))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_never_sent_counts_as_not_connected() {
        assert!(never_connected(&io::Error::from(io::ErrorKind::ConnectionRefused)));
        assert!(!never_connected(&io::Error::from(io::ErrorKind::ConnectionReset)));
        let inner = io::Error::from(io::ErrorKind::HostUnreachable);
        assert!(never_connected(&kube::Error::Service(Box::new(inner))));
    }

    #[test]
    fn each_cause_is_told_once() {
        let outer = kube::Error::Service(Box::new(io::Error::other("inner")));
        assert_eq!(flat(&outer), "ServiceError: inner");
    }
}
