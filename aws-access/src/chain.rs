//! An error and its causes, where the types of the libraries that made them are not ours.

use std::error::Error as StdError;
use std::io;

/// The error and its causes, outermost first.
pub fn chain<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

/// The causes as one text: the outermost alone often says nothing, and a Debug form would show
/// whole requests.
#[must_use]
pub fn flat(error: &(dyn StdError + 'static)) -> String {
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
#[must_use]
pub fn never_connected(error: &(dyn StdError + 'static)) -> bool {
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

/// Whether the other side's certificate was refused, so that nothing was sent.
#[must_use]
pub fn untrusted(error: &(dyn StdError + 'static)) -> bool {
    // What rustls says of everything that is wrong with one. Its type is behind `io::Error`, which
    // does not count it among the causes.
    chain(error).any(|cause| cause.to_string().contains("invalid peer certificate"))
}

#[cfg(test)]
mod tests {
    use std::fmt;

    use super::*;

    /// As many libraries do: text and source both say what is inside.
    #[derive(Debug)]
    struct Outer(io::Error);

    impl fmt::Display for Outer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "outer: {}", self.0)
        }
    }

    impl StdError for Outer {
        fn source(&self) -> Option<&(dyn StdError + 'static)> {
            Some(&self.0)
        }
    }

    #[test]
    fn only_what_was_never_sent_counts_as_not_connected() {
        assert!(never_connected(&io::Error::from(io::ErrorKind::ConnectionRefused)));
        assert!(!never_connected(&io::Error::from(io::ErrorKind::ConnectionReset)));
        assert!(never_connected(&Outer(io::Error::from(io::ErrorKind::HostUnreachable))));
        assert!(never_connected(&io::Error::other("client error (Connect)")));
    }

    #[test]
    fn a_refused_certificate_is_found_among_the_causes() {
        let rustls = "invalid peer certificate: UnknownIssuer";
        assert!(untrusted(&Outer(io::Error::other(rustls))));
        assert!(!untrusted(&Outer(io::Error::other("received corrupt message"))));
    }

    #[test]
    fn each_cause_is_told_once() {
        assert_eq!(flat(&Outer(io::Error::other("inner"))), "outer: inner");
    }
}
