use std::sync::atomic::{AtomicUsize, Ordering};

use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use super::*;

const ID: &str = "AKIDEXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

/// 2026-01-02T03:04:05Z.
fn time() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_323_045)
}

fn decoded(token: &str) -> String {
    let text = token.strip_prefix(PREFIX).expect("the prefix");
    assert!(!text.contains(['+', '/', '=']), "{text}");
    let mut text = text.replace('-', "+").replace('_', "/");
    while !text.len().is_multiple_of(4) {
        text.push('=');
    }
    String::from_utf8(base64::decode(text).expect("base64")).expect("text")
}

fn hmac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any key");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The signature that "Create a signed AWS API request" in the IAM user guide asks for.
fn expected(query: &str, cluster: &str) -> String {
    let mut fields: Vec<&str> =
        query.split('&').filter(|field| !field.starts_with("X-Amz-Signature=")).collect();
    fields.sort_unstable();
    let canonical = format!(
        "GET\n/\n{}\nhost:sts.eu-west-1.amazonaws.com\nx-k8s-aws-id:{cluster}\n\n\
         host;x-k8s-aws-id\n{}",
        fields.join("&"),
        hex(&Sha256::digest(b"")),
    );
    let scope = "20260102/eu-west-1/sts/aws4_request";
    let to_sign = format!(
        "AWS4-HMAC-SHA256\n20260102T030405Z\n{scope}\n{}",
        hex(&Sha256::digest(canonical)),
    );
    let mut key = format!("AWS4{SECRET}").into_bytes();
    for part in scope.split('/') {
        key = hmac(&key, part);
    }
    hex(&hmac(&key, &to_sign))
}

#[test]
fn a_token_is_what_the_cluster_recomputes() {
    for session in [None, Some("session/token+with=signs".to_owned())] {
        let credentials = Credentials::new(ID, SECRET, session.clone(), None, "test");
        let token = presigned(&credentials, "ci-cluster", "eu-west-1", time()).unwrap();
        let url = decoded(&token);
        let (address, query) = url.split_once('?').expect("a query");
        assert_eq!(address, "https://sts.eu-west-1.amazonaws.com/");
        let field = |name: &str| {
            query.split('&').find_map(|field| field.strip_prefix(name)?.strip_prefix('='))
        };
        assert_eq!(field("Action"), Some("GetCallerIdentity"));
        assert_eq!(field("X-Amz-Expires"), Some("60"));
        assert_eq!(field("X-Amz-Date"), Some("20260102T030405Z"));
        assert_eq!(field("X-Amz-SignedHeaders"), Some("host%3Bx-k8s-aws-id"));
        assert_eq!(field("X-Amz-Security-Token").is_some(), session.is_some());
        assert_eq!(field("X-Amz-Signature"), Some(expected(query, "ci-cluster").as_str()));
        assert_ne!(field("X-Amz-Signature"), Some(expected(query, "other").as_str()));
    }
}

#[test]
fn each_partition_has_its_own_sts() {
    assert_eq!(host("eu-west-1"), "sts.eu-west-1.amazonaws.com");
    assert_eq!(host("cn-north-1"), "sts.cn-north-1.amazonaws.com.cn");
    assert_eq!(host("us-gov-west-1"), "sts.us-gov-west-1.amazonaws.com");
}

/// Hands out credentials that end after a while, and counts.
#[derive(Debug)]
struct Counting(Arc<AtomicUsize>, Option<SystemTime>);

impl ProvideCredentials for Counting {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        self.0.fetch_add(1, Ordering::SeqCst);
        future::ProvideCredentials::ready(Ok(Credentials::new(ID, SECRET, None, self.1, "test")))
    }
}

fn tokens(expiry: Option<SystemTime>) -> (Tokens, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let provider = SharedCredentialsProvider::new(Counting(count.clone(), expiry));
    let source = CredentialSource::new(Some(provider), Duration::from_secs(60));
    (Tokens::new("ci", "eu-west-1", source), count)
}

async fn made_after(seconds: &[u64], expiry: Option<u64>) -> usize {
    let (tokens, count) = tokens(expiry.map(|after| time() + Duration::from_secs(after)));
    for after in seconds {
        tokens.header(time() + Duration::from_secs(*after)).await.expect("a token");
    }
    count.load(Ordering::SeqCst)
}

#[tokio::test]
async fn a_token_is_renewed_before_the_cluster_refuses_it() {
    assert_eq!(made_after(&[0, 1, 599], None).await, 1);
    assert_eq!(made_after(&[0, 600], None).await, 2);
    assert_eq!(made_after(&[1000, 0], None).await, 2, "a clock that was set back");
}

#[tokio::test]
async fn a_token_that_the_cluster_refused_is_not_used_again() {
    let (tokens, count) = tokens(None);
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, tokens.header(time()).await.expect("a token"));
    tokens.forget(&HeaderMap::new()).await;
    tokens.header(time()).await.expect("the same token");
    assert_eq!(count.load(Ordering::SeqCst), 1, "another one was refused");
    tokens.forget(&headers).await;
    tokens.header(time()).await.expect("another token");
    assert_eq!(count.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_token_is_renewed_before_its_credentials_end() {
    assert_eq!(made_after(&[0, 59], Some(90)).await, 1);
    assert_eq!(made_after(&[0, 60], Some(90)).await, 2);
    assert_eq!(made_after(&[0, 1], Some(20)).await, 2, "credentials that end at once");
}

#[tokio::test]
async fn a_token_is_never_shown() {
    let (tokens, _) = tokens(None);
    let request = tokens.authorize(http::Request::new(())).await.expect("a token");
    let shown = format!("{request:?} {tokens:?}");
    assert!(!shown.contains(PREFIX) && !shown.contains(ID), "{shown}");
    assert!(request.headers()[AUTHORIZATION].to_str().unwrap().starts_with("Bearer k8s-aws-v1."));
}
