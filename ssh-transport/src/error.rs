use std::io;

use fargate_core::{Error, ErrorKind};

use crate::hostkey::Learnt;
use crate::key::SshKey;
use crate::target::Target;

pub(crate) const CONNECT: &str = "connect over SSH";
pub(crate) const RUN: &str = "run script over SSH";
pub(crate) const END: &str = "end script over SSH";

const SECURITY_GROUP: &str = "check that the task's security group allows this port from here, \
                              that a route exists, and that the address in use (private or \
                              public) is the reachable one";

/// TCP did not come about.
pub(crate) fn tcp(target: &Target, error: io::Error) -> Error {
    let (kind, what, hint) = match error.kind() {
        io::ErrorKind::ConnectionRefused => (
            ErrorKind::ConnectFailed,
            "connection refused",
            "nothing listens there (yet): does the image start an SSH server, and on this port?",
        ),
        io::ErrorKind::TimedOut => (ErrorKind::Timeout, "connection timed out", SECURITY_GROUP),
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            (ErrorKind::ConnectFailed, "no route to the server", SECURITY_GROUP)
        }
        _ => (ErrorKind::ConnectFailed, "no connection", SECURITY_GROUP),
    };
    target.error(kind, CONNECT, what).hint(hint).source(error)
}

/// The host's name is unknown.
pub(crate) fn lookup(target: &Target, error: io::Error) -> Error {
    target
        .error(ErrorKind::ConnectFailed, CONNECT, "the host name cannot be resolved")
        .hint("check the name and this machine's DNS settings")
        .source(error)
}

/// TCP got no answer in time.
pub(crate) fn tcp_timeout(target: &Target) -> Error {
    target.error(ErrorKind::Timeout, CONNECT, "connection timed out").hint(SECURITY_GROUP)
}

/// The port is reached through an API, and nobody here knows how.
pub(crate) fn no_dialer(target: &Target) -> Error {
    target
        .error(ErrorKind::Unsupported, CONNECT, "this transport was given no way through the API")
        .hint("make it with SshExec::through")
}

/// The platform's API got no stream to the port in time.
pub(crate) fn dial_timeout(target: &Target) -> Error {
    target
        .error(ErrorKind::Timeout, CONNECT, "the platform's API did not open the port in time")
        .hint("raise the connect timeout if the API is only slow")
}

/// TCP was accepted, but the SSH conversation got stuck.
pub(crate) fn silent(target: &Target) -> Error {
    target
        .error(
            ErrorKind::Timeout,
            CONNECT,
            "the port accepts connections, but no SSH session came about in time",
        )
        .hint(
            "is this port really the SSH server's (a proxy or load balancer also accepts \
             connections)? if it is, the task is overloaded: give it more CPU or raise the \
             connect timeout",
        )
}

/// The key exchange failed.
pub(crate) fn handshake(target: &Target, error: russh::Error) -> Error {
    // A port that is forwarded is found to be closed only now.
    let error = match error {
        russh::Error::IO(io) if io.kind() == io::ErrorKind::ConnectionRefused => {
            return tcp(target, io);
        }
        other => other,
    };
    let (kind, what, hint) = match &error {
        russh::Error::NoCommonAlgo { .. } => (
            ErrorKind::Unsupported,
            "client and server have no algorithm in common",
            "update the SSH server in the image",
        ),
        russh::Error::Version => (
            ErrorKind::Unsupported,
            "what answers there does not speak SSH 2",
            "check the port: is it the SSH server's?",
        ),
        russh::Error::WrongServerSig => (
            ErrorKind::Untrusted,
            "the server could not prove that it holds its host key",
            "somebody may be intercepting the connection",
        ),
        _ => (
            ErrorKind::ConnectFailed,
            "the connection ended during the SSH handshake",
            "the server may be starting, or busy (sshd's MaxStartups drops connections in a burst)",
        ),
    };
    target.error(kind, CONNECT, what).hint(hint).source(error)
}

/// The connection ended while authenticating or while opening a session: nothing was started.
pub(crate) fn dropped(target: &Target, learnt: &Learnt) -> Error {
    let error = target.error(
        ErrorKind::ConnectFailed,
        CONNECT,
        "the server ended the connection before a session was open",
    );
    match learnt.goodbye() {
        Some(goodbye) => error.with("reason", goodbye),
        None => error,
    }
    .hint("look into the SSH server's own log; it may be starting, stopping or out of memory")
}

/// The server does not accept our key.
pub(crate) fn refused_key(target: &Target, key: &SshKey, offers: &str) -> Error {
    target
        .error(
            ErrorKind::Unauthenticated,
            CONNECT,
            format_args!("the server refused the key for user {:?}", target.user),
        )
        .with("key", key.fingerprint())
        .with("server accepts", offers)
        .hint(
            "the image's entry point must write SSH_PUBLIC_KEY to this user's authorized_keys \
             before it starts sshd; home and .ssh must not be writable by others, and sshd must \
             allow this user (PermitRootLogin) and this key type",
        )
}

/// The server does not let us run commands.
pub(crate) fn no_session(target: &Target, error: russh::Error) -> Error {
    target
        .error(ErrorKind::Unavailable, CONNECT, "the server opens no session")
        .hint("too many sessions at once? check MaxSessions and the server's own log")
        .source(error)
}

/// The exec request was refused.
pub(crate) fn no_commands(target: &Target, op: &'static str) -> Error {
    target.error(ErrorKind::Unsupported, op, "the server refuses to run a command").hint(
        "sshd must not restrict this user (ForceCommand, a restricted key, an SFTP-only account)",
    )
}
