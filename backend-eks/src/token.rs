//! The token that lets an AWS identity into an EKS cluster.
//!
//! It is a presigned STS `GetCallerIdentity` for the cluster's name: the cluster sends it and so
//! learns who made it. Source: the README of `aws-iam-authenticator`, "API Authorization from
//! Outside a Cluster".

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign,
};
use aws_sigv4::sign::v4;
use aws_smithy_types::base64;
use fargate_aws_access::{CredentialSource, partition};
use fargate_core::{Error, ErrorKind, Result};
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use tokio::sync::Mutex;
use tower::BoxError;

use crate::error::NoToken;

/// The header that ties a token to one cluster.
const CLUSTER_HEADER: &str = "x-k8s-aws-id";
const PREFIX: &str = "k8s-aws-v1.";
/// The signature's own life. EKS takes the token for 15 minutes after the time it was signed at.
const SIGNED_FOR: Duration = Duration::from_secs(60);
/// A token is replaced after this time, well before EKS stops to take it.
const RENEWED_AFTER: Duration = Duration::from_secs(10 * 60);
/// A token dies with the credentials that signed it, and is replaced that long before: one that
/// is on its way then must still be good when it arrives.
const BEFORE_THE_END: Duration = Duration::from_secs(30);

const OP: &str = "make a token for the cluster";

/// Makes tokens and keeps the last one while it is good.
#[derive(Clone)]
pub(crate) struct Tokens(Arc<Inner>);

struct Inner {
    cluster: String,
    region: String,
    credentials: CredentialSource,
    last: Mutex<Option<Token>>,
}

struct Token {
    header: HeaderValue,
    renew_at: SystemTime,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").field("cluster", &self.0.cluster).finish_non_exhaustive()
    }
}

impl Tokens {
    pub(crate) fn new(cluster: &str, region: &str, credentials: CredentialSource) -> Self {
        Self(Arc::new(Inner {
            cluster: cluster.to_owned(),
            region: region.to_owned(),
            credentials,
            last: Mutex::default(),
        }))
    }

    /// Adds a token to a request; the HTTP client calls it for each.
    pub(crate) async fn authorize<B>(
        &self,
        mut request: http::Request<B>,
    ) -> Result<http::Request<B>, NoToken> {
        let header = self.header(SystemTime::now()).await.map_err(|error| NoToken::new(&error))?;
        request.headers_mut().insert(AUTHORIZATION, header);
        Ok(request)
    }

    /// The token in `headers` is not good any more, although it is young enough.
    pub(crate) async fn forget(&self, headers: &HeaderMap) {
        let mut last = self.0.last.lock().await;
        // Somebody else may have replaced it already.
        if last.as_ref().is_some_and(|token| headers.get(AUTHORIZATION) == Some(&token.header)) {
            *last = None;
        }
    }

    async fn header(&self, now: SystemTime) -> Result<HeaderValue> {
        let mut last = self.0.last.lock().await;
        if let Some(token) = last.as_ref().filter(|token| token.is_good(now)) {
            return Ok(token.header.clone());
        }
        let credentials = self.0.credentials.get(OP).await?;
        let text = presigned(&credentials, &self.0.cluster, &self.0.region, now)?;
        let mut header = HeaderValue::from_str(&format!("Bearer {text}")).map_err(defect)?;
        header.set_sensitive(true);
        let end = credentials.expiry().and_then(|end| end.checked_sub(BEFORE_THE_END));
        let renew_at = (now + RENEWED_AFTER).min(end.unwrap_or(now + RENEWED_AFTER));
        *last = Some(Token { header: header.clone(), renew_at });
        Ok(header)
    }
}

impl Token {
    /// Whether it is young enough. A clock that was set back makes a new one, too.
    fn is_good(&self, now: SystemTime) -> bool {
        self.renew_at.duration_since(now).is_ok_and(|left| !left.is_zero() && left <= RENEWED_AFTER)
    }
}

/// The token of `credentials` for `cluster`, made at `now`.
fn presigned(
    credentials: &Credentials,
    cluster: &str,
    region: &str,
    now: SystemTime,
) -> Result<String> {
    let url = format!("https://{}/?Action=GetCallerIdentity&Version=2011-06-15", host(region));
    let uri = signed(credentials, cluster, region, &url, now).map_err(defect)?;
    let text = base64::encode(uri.to_string()).replace('+', "-").replace('/', "_");
    Ok(format!("{PREFIX}{}", text.trim_end_matches('=')))
}

fn signed(
    credentials: &Credentials,
    cluster: &str,
    region: &str,
    url: &str,
    now: SystemTime,
) -> Result<http::Uri, BoxError> {
    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(SIGNED_FOR);
    let identity = credentials.clone().into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name("sts")
        .time(now)
        .settings(settings)
        .build()?
        .into();
    let headers = [(CLUSTER_HEADER, cluster)];
    let body = SignableBody::Bytes(&[]);
    let signable = SignableRequest::new("GET", url, headers.into_iter(), body)?;
    let (instructions, _) = sign(signable, &params)?.into_parts();
    let mut request = http::Request::get(url).body(())?;
    instructions.apply_to_request_http1x(&mut request);
    Ok(request.uri().clone())
}

/// The regional address of STS: "AWS STS Regions and endpoints" in the IAM user guide.
fn host(region: &str) -> String {
    format!("sts.{region}.{}", partition::domain(region))
}

fn defect(error: impl Into<BoxError>) -> Error {
    Error::new(ErrorKind::Unexpected, OP, "the token could not be signed").source(error)
}

#[cfg(test)]
mod tests;
