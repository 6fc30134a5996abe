//! The cluster's API: one request, its answer or failure, and the retries that are safe.

use std::fmt;
use std::time::Duration;

use fargate_core::{Backoff, Error, ErrorKind, Result, Retry};
use http::request::Builder;
use http::{Request, Response};
use http_body_util::BodyExt;
use kube::client::Body;
use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep, timeout};

use crate::call::Call;
use crate::config::EksPace;
use crate::error::{Failure, lost, refused, unanswered};
use crate::lines::Lines;

/// One namespace of one cluster.
///
/// Requests are made by hand, on kube's client: its typed methods keep neither the header
/// `Retry-After` nor a pod template's unknown fields, which the API server is to refuse.
#[derive(Clone)]
pub(crate) struct Cluster {
    client: kube::Client,
    /// Address of the API server: it tells one cluster from another.
    pub(crate) server: String,
    pub(crate) namespace: String,
    pub(crate) pace: EksPace,
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster")
            .field("server", &self.server)
            .field("namespace", &self.namespace)
            .finish_non_exhaustive()
    }
}

impl Cluster {
    pub(crate) fn new(
        client: kube::Client,
        server: String,
        namespace: &str,
        pace: EksPace,
    ) -> Self {
        Self { client, server, namespace: namespace.to_owned(), pace }
    }

    /// The same cluster, another namespace.
    pub(crate) fn in_namespace(&self, namespace: &str) -> Self {
        Self { namespace: namespace.to_owned(), ..self.clone() }
    }

    /// The path of a kind of object in the namespace, or of one such object.
    pub(crate) fn path(&self, resource: &str, name: Option<&str>) -> String {
        let all = format!("/api/v1/namespaces/{}/{resource}", self.namespace);
        match name {
            Some(name) => format!("{all}/{name}"),
            None => all,
        }
    }

    /// Sends one request and reads its answer, within [`EksPace::api_timeout`].
    pub(crate) async fn once<T: DeserializeOwned>(
        &self,
        call: Call,
        request: Builder,
        body: Vec<u8>,
    ) -> Result<T, Failure> {
        let body = self.bytes(call, request, body).await?;
        serde_json::from_slice(&body).map_err(|error| Failure {
            error: Error::new(
                ErrorKind::Unexpected,
                call.op,
                format!("the answer to {} {} makes no sense", call.verb, call.resource),
            )
            .source(error),
            retry_after: None,
            doubt: call.starts,
            reason: String::new(),
        })
    }

    /// As [`once`](Self::once), for an answer that is no object.
    pub(crate) async fn bytes(
        &self,
        call: Call,
        request: Builder,
        body: Vec<u8>,
    ) -> Result<Vec<u8>, Failure> {
        let answer = timeout(self.pace.api_timeout, self.ask(call, request, body)).await;
        answer.unwrap_or_else(|_| Err(lost(call, &self.namespace, None)))
    }

    /// As [`once`](Self::once), for what may be asked several times: short trouble of the
    /// service is borne.
    pub(crate) async fn patiently<T: DeserializeOwned>(
        &self,
        call: Call,
        request: impl Fn() -> (Builder, Vec<u8>),
    ) -> Result<T, Failure> {
        let mut pause = Backoff::new(self.pace.api_first_pause, self.pace.max_pause);
        let mut left = self.pace.api_attempts.max(1);
        loop {
            let (head, body) = request();
            let failure = match self.once(call, head, body).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            left -= 1;
            if left == 0 || failure.error.kind().retry() != Retry::Soon {
                return Err(failure);
            }
            tracing::debug!(error = %failure.error, "asking the cluster again");
            sleep(self.pause(&mut pause, failure.retry_after)).await;
        }
    }

    /// The next pause, `wish` being the server's.
    pub(crate) fn pause(&self, backoff: &mut Backoff, wish: Option<Duration>) -> Duration {
        pause(backoff.next_pause(), wish, self.pace.max_pause)
    }

    /// Sends one request whose answer goes on, for `lasts` as the server was told.
    pub(crate) async fn lines(
        &self,
        call: Call,
        request: Builder,
        lasts: Duration,
    ) -> Result<Lines, Failure> {
        // A peer that falls silent is noticed when even a slow end in order would be over.
        let until = Instant::now() + lasts + self.pace.api_timeout;
        let opening = async {
            let answer = self.begin(call, request, Vec::new()).await?;
            if answer.status().is_success() {
                return Ok(answer.into_body());
            }
            Err(self.refusal(call, answer).await)
        };
        let opened = timeout(self.pace.api_timeout, opening).await;
        let body = opened.unwrap_or_else(|_| Err(lost(call, &self.namespace, None)))?;
        Ok(Lines::new(call, &self.namespace, body, until))
    }

    async fn ask(&self, call: Call, request: Builder, body: Vec<u8>) -> Result<Vec<u8>, Failure> {
        let answer = self.begin(call, request, body).await?;
        if !answer.status().is_success() {
            return Err(self.refusal(call, answer).await);
        }
        self.whole(call, answer.into_body()).await
    }

    /// Sends a request; the head of the answer is there, its body to come.
    pub(crate) async fn begin(
        &self,
        call: Call,
        request: Builder,
        body: Vec<u8>,
    ) -> Result<Response<Body>, Failure> {
        let request = request.body(Body::from(body)).map_err(|error| {
            let what = "the request could not be built";
            Failure::of(Error::new(ErrorKind::Unexpected, call.op, what).source(error))
        })?;
        let answer = self.client.send(request).await;
        answer.map_err(|error| unanswered(call, &self.namespace, &error))
    }

    /// What a refusal says.
    pub(crate) async fn refusal(&self, call: Call, answer: Response<Body>) -> Failure {
        let (head, body) = answer.into_parts();
        match self.whole(call, body).await {
            Ok(body) => refused(call, &self.namespace, head.status.as_u16(), &head.headers, &body),
            Err(failure) => failure,
        }
    }

    async fn whole(&self, call: Call, body: Body) -> Result<Vec<u8>, Failure> {
        // The head has arrived, so this is a lost answer whatever the reason.
        match body.collect().await {
            Ok(body) => Ok(body.to_bytes().to_vec()),
            Err(error) => Err(lost(call, &self.namespace, Some(&error))),
        }
    }
}

/// The server's wish and then some, so that not everybody comes back at once; at most `max`,
/// give or take the jitter.
fn pause(own: Duration, wish: Option<Duration>, max: Duration) -> Duration {
    (wish.unwrap_or_default() + own).min(max.max(own))
}

/// A request without a body.
pub(crate) fn get(path: &str) -> (Builder, Vec<u8>) {
    (Request::get(path).header("accept", "application/json"), Vec::new())
}

/// A request with a JSON body.
pub(crate) fn send(request: Builder, body: &serde_json::Value) -> (Builder, Vec<u8>) {
    let request =
        request.header("accept", "application/json").header("content-type", "application/json");
    (request, body.to_string().into_bytes())
}

/// `path` with a query of these fields.
pub(crate) fn with_query(path: &str, fields: &[(&str, &str)]) -> String {
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    format!("{path}?{query}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_wish_is_honoured_up_to_the_longest_pause() {
        let seconds = Duration::from_secs;
        assert_eq!(pause(seconds(2), None, seconds(30)), seconds(2));
        assert_eq!(pause(seconds(2), Some(seconds(7)), seconds(30)), seconds(9));
        assert_eq!(pause(seconds(2), Some(seconds(3600)), seconds(30)), seconds(30));
        assert_eq!(pause(seconds(37), None, seconds(30)), seconds(37), "the jitter stays");
    }

    #[test]
    fn queries_are_escaped() {
        assert_eq!(
            with_query("/x", &[("labelSelector", "a=b,c notin (d)"), ("limit", "5")]),
            "/x?labelSelector=a%3Db%2Cc+notin+%28d%29&limit=5"
        );
    }
}
