//! Requests that carry a token of ours.

use std::future::poll_fn;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::request::Parts;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use kube::client::Body;
use tower::{BoxError, Layer, Service};

use crate::token::Tokens;

/// Adds a token to each request. One that the cluster does not take is replaced once: the
/// credentials it was made from may have ended before their time.
#[derive(Debug, Clone)]
pub(crate) struct Authorize(pub(crate) Tokens);

impl<S> Layer<S> for Authorize {
    type Service = Authorized<S>;

    fn layer(&self, inner: S) -> Authorized<S> {
        Authorized { tokens: self.0.clone(), inner }
    }
}

/// A client under [`Authorize`].
#[derive(Debug, Clone)]
pub(crate) struct Authorized<S> {
    tokens: Tokens,
    inner: S,
}

impl<S, B> Service<Request<Body>> for Authorized<S>
where
    S: Service<Request<Body>, Response = Response<B>, Error = BoxError> + Clone + Send + 'static,
    S::Future: Send,
    B: Send + 'static,
{
    type Response = Response<B>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<B>, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let other = self.inner.clone();
        // The one that has said to be ready.
        let mut inner = mem::replace(&mut self.inner, other);
        let tokens = self.tokens.clone();
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await?.to_bytes();
            let request = |head: Parts| Request::from_parts(head, Body::from(body.clone()));
            let first = tokens.authorize(request(head.clone())).await?;
            let used = first.headers().clone();
            let answer = inner.call(first).await?;
            if answer.status() != StatusCode::UNAUTHORIZED {
                return Ok(answer);
            }
            // Nothing was carried out: who asks is looked at first.
            tracing::debug!("the cluster refused the token; making another");
            tokens.forget(&used).await;
            poll_fn(|cx| inner.poll_ready(cx)).await?;
            inner.call(tokens.authorize(request(head)).await?).await
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use aws_credential_types::Credentials;
    use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
    use fargate_aws_access::CredentialSource;
    use http::header::AUTHORIZATION;
    use tower::service_fn;

    use super::*;

    /// Other credentials each time, as those of a role are.
    #[derive(Debug, Default)]
    struct Changing(AtomicUsize);

    impl ProvideCredentials for Changing {
        fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            let id = format!("AKID{}", self.0.fetch_add(1, Ordering::SeqCst));
            future::ProvideCredentials::ready(Ok(Credentials::new(id, "s", None, None, "test")))
        }
    }

    /// The token and body of each request.
    type Sent = Vec<(String, Vec<u8>)>;

    /// The last answer's status, and what was sent, where the first `refused` are not let in.
    async fn sent(refused: usize) -> (u16, Sent) {
        let seen: Arc<Mutex<Sent>> = Arc::default();
        let server = {
            let seen = Arc::clone(&seen);
            service_fn(move |request: Request<Body>| {
                let seen = Arc::clone(&seen);
                async move {
                    let (head, body) = request.into_parts();
                    let token = head.headers[AUTHORIZATION].to_str()?.to_owned();
                    let body = body.collect().await?.to_bytes().to_vec();
                    let mut seen = seen.lock().unwrap();
                    seen.push((token, body));
                    let status = if seen.len() > refused { 201 } else { 401 };
                    Ok::<_, BoxError>(Response::builder().status(status).body(())?)
                }
            })
        };
        let provider = SharedCredentialsProvider::new(Changing::default());
        let source = CredentialSource::new(Some(provider), Duration::from_secs(60));
        let tokens = Tokens::new("ci", "eu-west-1", source);
        let mut client = Authorize(tokens).layer(server);
        let request = Request::post("/").body(Body::from(b"pod".to_vec())).unwrap();
        let status = client.call(request).await.unwrap().status().as_u16();
        drop(client);
        let seen = seen.lock().unwrap().clone();
        (status, seen)
    }

    #[tokio::test]
    async fn a_token_that_is_refused_is_replaced_once() {
        let (status, seen) = sent(0).await;
        assert_eq!((status, seen.len()), (201, 1));
        for (refused, last) in [(1, 201), (7, 401)] {
            let (status, seen) = sent(refused).await;
            assert_eq!((status, seen.len()), (last, 2));
            assert_ne!(seen[0].0, seen[1].0, "another token");
            assert!(seen.iter().all(|(_, body)| body == b"pod"), "the same request");
        }
    }
}
