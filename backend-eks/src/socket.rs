//! WebSockets to the cluster's API (RFC 6455).

use http::header::{
    CONNECTION, HeaderMap, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{Request, StatusCode};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

use fargate_core::{Error, ErrorKind};

use crate::call::Call;
use crate::cluster::Cluster;
use crate::error::{Failure, lost, unanswered};

/// A WebSocket over the connection the HTTP client made.
pub(crate) type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// Whoever lacks a right is told so in a `Status`. An API server that knows none of the protocols
/// that are offered says 403 alone: `serverHandshake` in `websocket/server.go` of `golang.org/x/net`.
const UNKNOWN_PROTOCOL: &str =
    "the cluster is too old for what is needed here: it does not know the protocol";

/// Opens a WebSocket of the subprotocol `protocol`.
///
/// By hand, because kube's own keeps nothing of a refusal but its status.
pub(crate) async fn open(
    cluster: &Cluster,
    call: Call,
    path: &str,
    protocol: &'static str,
) -> Result<Socket, Failure> {
    let opening = timeout(cluster.pace.api_timeout, upgrade(cluster, call, path, protocol));
    opening.await.unwrap_or_else(|_| Err(lost(call, &cluster.namespace, None)))
}

async fn upgrade(
    cluster: &Cluster,
    call: Call,
    path: &str,
    protocol: &'static str,
) -> Result<Socket, Failure> {
    let key = generate_key();
    let request = Request::get(path)
        .header(CONNECTION, "Upgrade")
        .header(UPGRADE, "websocket")
        .header(SEC_WEBSOCKET_VERSION, "13")
        .header(SEC_WEBSOCKET_KEY, &key)
        .header(SEC_WEBSOCKET_PROTOCOL, protocol);
    let answer = cluster.begin(call, request, Vec::new()).await?;
    let unsupported = |why| {
        Error::new(ErrorKind::Unsupported, call.op, why)
            .with("namespace", &cluster.namespace)
            .hint("EKS has what is needed since Kubernetes 1.30; does a proxy stand in between?")
    };
    let status = answer.status();
    if status != StatusCode::SWITCHING_PROTOCOLS {
        let failure = cluster.refusal(call, answer).await;
        if status == StatusCode::FORBIDDEN && failure.reason.is_empty() {
            let error = unsupported(UNKNOWN_PROTOCOL).with("cluster says", failure.error.message());
            return Err(Failure::of(error));
        }
        return Err(failure);
    }
    if let Err(why) = agreed(answer.headers(), &key, protocol) {
        return Err(Failure::of(unsupported(why)));
    }
    let stream = hyper::upgrade::on(answer)
        .await
        .map_err(|error| unanswered(call, &cluster.namespace, &error))?;
    Ok(WebSocketStream::from_raw_socket(TokioIo::new(stream), Role::Client, None).await)
}

/// Whether both sides mean the same (RFC 6455 section 4.1).
fn agreed(headers: &HeaderMap, key: &str, protocol: &str) -> Result<(), &'static str> {
    let is = |name, wanted: &str| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| value.eq_ignore_ascii_case(wanted))
    };
    if !is(UPGRADE, "websocket") || !is(SEC_WEBSOCKET_ACCEPT, &derive_accept_key(key.as_bytes())) {
        return Err("what answers there does not speak WebSocket");
    }
    if !is(SEC_WEBSOCKET_PROTOCOL, protocol) {
        return Err(UNKNOWN_PROTOCOL);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_must_prove_that_it_was_understood() {
        // The example of RFC 6455 section 1.3.
        let key = "dGhlIHNhbXBsZSBub25jZQ==";
        let headers = |accept: &str, protocol: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.insert(UPGRADE, "WebSocket".parse().unwrap());
            headers.insert(SEC_WEBSOCKET_ACCEPT, accept.parse().unwrap());
            if let Some(protocol) = protocol {
                headers.insert(SEC_WEBSOCKET_PROTOCOL, protocol.parse().unwrap());
            }
            headers
        };
        let accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
        assert_eq!(agreed(&headers(accept, Some("v5")), key, "v5"), Ok(()));
        assert!(agreed(&headers("x", Some("v5")), key, "v5").unwrap_err().contains("WebSocket"));
        for other in [None, Some("v4")] {
            assert!(agreed(&headers(accept, other), key, "v5").unwrap_err().contains("too old"));
        }
    }
}
