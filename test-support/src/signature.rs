//! Checks Signature Version 4, independently of the code that signed.
//!
//! The steps are those of "Create a signed AWS API request" in the IAM user guide.

use hmac::{Hmac, KeyInit, Mac};
use hyper::http::request::Parts;
use sha2::{Digest, Sha256};

/// The long-term key everybody starts with.
pub(crate) const ACCESS_KEY: &str = "AKIATESTDOUBLE000000";
pub(crate) const SECRET_KEY: &str = "secret-of-the-test-double";

/// What the `Authorization` header says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    pub(crate) access_key: String,
    /// `date/region/service/aws4_request`.
    pub(crate) scope: String,
    signed_headers: Vec<String>,
    signature: String,
}

impl Claim {
    /// Reads the header; `None` if it is missing or not of this kind.
    pub(crate) fn read(parts: &Parts) -> Option<Self> {
        let header = parts.headers.get("authorization")?.to_str().ok()?;
        let fields = header.strip_prefix("AWS4-HMAC-SHA256 ")?;
        let field = |name: &str| {
            fields.split(',').find_map(|one| one.trim().strip_prefix(name)?.strip_prefix('='))
        };
        let (access_key, scope) = field("Credential")?.split_once('/')?;
        Some(Self {
            access_key: access_key.to_owned(),
            scope: scope.to_owned(),
            signed_headers: field("SignedHeaders")?.split(';').map(str::to_owned).collect(),
            signature: field("Signature")?.to_owned(),
        })
    }

    /// Whether the request was signed for `region` and `service` with `secret`.
    pub(crate) fn holds(
        &self,
        parts: &Parts,
        body: &[u8],
        secret: &str,
        region: &str,
        service: &str,
    ) -> bool {
        let scope: Vec<&str> = self.scope.split('/').collect();
        let [date, signed_region, signed_service, "aws4_request"] = scope[..] else {
            return false;
        };
        let time = header_value(parts, "x-amz-date");
        if signed_region != region || signed_service != service || !time.starts_with(date) {
            return false;
        }
        // Without these two among the signed headers anybody could alter the request.
        let signs = |name: &str| self.signed_headers.iter().any(|header| header == name);
        if !signs("host") || !signs("x-amz-date") {
            return false;
        }
        let canonical = self.canonical_request(parts, body);
        sign(secret, &self.scope, &time, &canonical) == self.signature
    }

    fn canonical_request(&self, parts: &Parts, body: &[u8]) -> String {
        let mut query: Vec<&str> = parts
            .uri
            .query()
            .unwrap_or_default()
            .split('&')
            .filter(|one| !one.is_empty())
            .collect();
        query.sort_unstable();
        let mut headers = String::new();
        for name in &self.signed_headers {
            headers.push_str(&format!("{name}:{}\n", header_value(parts, name)));
        }
        format!(
            "{}\n{}\n{}\n{headers}\n{}\n{}",
            parts.method,
            parts.uri.path(),
            query.join("&"),
            self.signed_headers.join(";"),
            sha256_hex(body),
        )
    }
}

/// The signature of a canonical request.
pub(crate) fn sign(secret: &str, scope: &str, time: &str, canonical_request: &str) -> String {
    let canonical = sha256_hex(canonical_request.as_bytes());
    let to_sign = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{canonical}");
    let mut key = format!("AWS4{secret}").into_bytes();
    for part in scope.split('/') {
        key = hmac(&key, part.as_bytes());
    }
    hex(&hmac(&key, to_sign.as_bytes()))
}

/// The values of a header, trimmed and joined, with single spaces.
fn header_value(parts: &Parts, name: &str) -> String {
    let values: Vec<String> = parts
        .headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .map(|value| value.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    values.join(",")
}

fn hmac(key: &[u8], data: &[u8]) -> Vec<u8> {
    // HMAC takes keys of any length, so there is no error to speak of.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return Vec::new() };
    mac.update(data);
    mac.finalize().into_bytes().to_vec()
}

pub(crate) fn sha256_hex(data: &[u8]) -> String {
    hex(&Sha256::digest(data))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
