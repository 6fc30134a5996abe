//! The switch from HTTP to a WebSocket.

use hyper::http::request::Parts;
use hyper::{HeaderMap, Method};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::eks::refusal::Refusal;

/// What a client asks for.
#[derive(Debug)]
pub(super) struct Handshake {
    is_upgrade: bool,
    is_get: bool,
    key: Option<String>,
    version: String,
    /// In the client's order.
    protocols: Vec<String>,
}

/// What a server grants.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Accepted {
    key: String,
    pub(super) protocol: &'static str,
}

impl Handshake {
    pub(super) fn read(parts: &Parts) -> Self {
        let headers = &parts.headers;
        let upgrade = text(headers, "upgrade").eq_ignore_ascii_case("websocket");
        let connection = text(headers, "connection").to_ascii_lowercase();
        let protocols = text(headers, "sec-websocket-protocol");
        Self {
            is_upgrade: upgrade && words(&connection).any(|word| word == "upgrade"),
            is_get: parts.method == Method::GET,
            key: Some(text(headers, "sec-websocket-key").to_owned()).filter(|key| !key.is_empty()),
            version: text(headers, "sec-websocket-version").to_owned(),
            protocols: words(protocols).map(str::to_owned).collect(),
        }
    }

    pub(super) fn offers(&self, protocol: &str) -> bool {
        self.protocols.iter().any(|offered| offered == protocol)
    }

    /// Refuses what is no WebSocket. SPDY, the other thing an API server would switch to, is not
    /// spoken here.
    pub(super) fn check(&self) -> Result<(), Refusal> {
        if self.is_upgrade { Ok(()) } else { Err(Refusal::bad_request("Upgrade request required")) }
    }

    /// Takes the client's first protocol that is known. Refusals are those of Go's
    /// `golang.org/x/net/websocket`, which has no body for them: 403 means here that no protocol
    /// is known, not that anything is forbidden.
    pub(super) fn accept(&self, known: &[&'static str]) -> Result<Accepted, Refusal> {
        if !self.is_get {
            return Err(Refusal::passed_on(405, ""));
        }
        let Some(key) = self.key.as_ref().filter(|_| self.version == "13") else {
            return Err(Refusal::passed_on(400, ""));
        };
        let protocol =
            self.protocols.iter().find_map(|offered| known.iter().find(|one| *one == offered));
        let protocol = protocol.ok_or_else(|| Refusal::passed_on(403, ""))?;
        Ok(Accepted { key: derive_accept_key(key.as_bytes()), protocol })
    }
}

impl Accepted {
    pub(super) fn headers(self) -> Vec<(&'static str, String)> {
        vec![
            ("upgrade", "websocket".to_owned()),
            ("connection", "Upgrade".to_owned()),
            ("sec-websocket-accept", self.key),
            ("sec-websocket-protocol", self.protocol.to_owned()),
        ]
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn words(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim).filter(|word| !word.is_empty())
}
