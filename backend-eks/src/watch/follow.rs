//! Following objects: a list, then a watch from there on, and again from the last known place.

use std::time::Duration;

use bytes::Bytes;
use fargate_core::{Backoff, Error, ErrorKind, Result, Retry};
use http::HeaderMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ListMeta;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::sleep;

use crate::call::Call;
use crate::cluster::{Cluster, get, with_query};
use crate::error::{Failure, refused};
use crate::lines::Lines;

/// What a follower learns.
#[derive(Debug)]
pub(super) enum Change<T> {
    /// All there is: at the beginning, and whenever the place was too old to go on from.
    All(Vec<T>),
    /// It is new, or has changed.
    Put(T),
    /// It is there no more; this was its last state.
    Gone(T),
    /// The trouble that was returned before is over; nothing is known to have changed.
    Again,
}

/// Follows the objects that a field selector picks.
pub(super) struct Follow<'a> {
    cluster: &'a Cluster,
    list: Call,
    watch: Call,
    fields: String,
    /// The place to go on from; `None` before a list.
    version: Option<String>,
    lines: Option<Lines>,
    pause: Backoff,
    /// How long to wait before the next request.
    wait: Option<Duration>,
    /// Whether trouble was returned that is not over yet.
    troubled: bool,
}

#[derive(Deserialize)]
struct Listed<T> {
    metadata: ListMeta,
    items: Vec<T>,
}

#[derive(Deserialize)]
struct Told {
    #[serde(rename = "type")]
    kind: String,
    object: Value,
}

impl<'a> Follow<'a> {
    /// Follows what `fields` picks; `list` and `watch` are the calls' names.
    pub(super) fn new(cluster: &'a Cluster, list: Call, watch: Call, fields: &str) -> Self {
        Self {
            cluster,
            list,
            watch,
            fields: fields.to_owned(),
            version: None,
            lines: None,
            pause: first_pause(cluster),
            wait: None,
            troubled: false,
        }
    }

    /// The next change.
    ///
    /// After an error that passes by itself the next call goes on, when it is time to: as
    /// [`Backoff`] says, or the server.
    pub(super) async fn next<T: DeserializeOwned>(&mut self) -> Result<Change<T>> {
        loop {
            if let Some(wait) = self.wait.take() {
                sleep(wait).await;
            }
            match self.step().await {
                Ok(Some(change)) => {
                    self.troubled = false;
                    return Ok(change);
                }
                Ok(None) => {}
                Err(failure) => self.failed(failure)?,
            }
        }
    }

    /// One step: a list, the beginning of a watch, or a line of it.
    async fn step<T: DeserializeOwned>(&mut self) -> Result<Option<Change<T>>, Failure> {
        if self.version.is_none() {
            return self.everything().await.map(Some);
        }
        if self.lines.is_none() {
            self.lines = Some(self.open().await?);
            return Ok(self.troubled.then_some(Change::Again));
        }
        let line = match &mut self.lines {
            Some(lines) => lines.next().await,
            None => Ok(None),
        };
        match line {
            Ok(Some(line)) => self.read(&line),
            Ok(None) => {
                self.resume_later();
                Ok(None)
            }
            Err(failure) if failure.error.kind().retry() == Retry::Soon => {
                tracing::debug!(error = %failure.error, "the watch broke");
                self.resume_later();
                Ok(None)
            }
            Err(failure) => Err(failure),
        }
    }

    async fn everything<T: DeserializeOwned>(&mut self) -> Result<Change<T>, Failure> {
        let query = [("fieldSelector", self.fields.as_str())];
        let path = with_query(&self.cluster.path(self.list.resource, None), &query);
        let (request, body) = get(&path);
        let listed: Listed<T> = self.cluster.once(self.list, request, body).await?;
        self.version = Some(listed.metadata.resource_version.unwrap_or_default());
        Ok(Change::All(listed.items))
    }

    async fn open(&mut self) -> Result<Lines, Failure> {
        let lasts = self.cluster.pace.watch_timeout;
        let seconds = lasts.as_secs().max(1).to_string();
        let query = [
            ("watch", "true"),
            ("fieldSelector", &self.fields),
            ("resourceVersion", self.version.as_deref().unwrap_or_default()),
            ("allowWatchBookmarks", "true"),
            ("timeoutSeconds", &seconds),
        ];
        let path = with_query(&self.cluster.path(self.watch.resource, None), &query);
        self.cluster.lines(self.watch, get(&path).0, lasts).await
    }

    fn read<T: DeserializeOwned>(&mut self, line: &Bytes) -> Result<Option<Change<T>>, Failure> {
        let told: Told = serde_json::from_slice(line).map_err(|error| self.nonsense(error))?;
        if told.kind == "ERROR" {
            return Err(self.refusal(&told.object));
        }
        self.pause = first_pause(self.cluster);
        if let Some(version) = told.object["metadata"]["resourceVersion"].as_str() {
            self.version = Some(version.to_owned());
        }
        let make: fn(T) -> Change<T> = match told.kind.as_str() {
            "ADDED" | "MODIFIED" => Change::Put,
            "DELETED" => Change::Gone,
            // A bookmark has a version alone, and what is not known yet is not needed.
            _ => return Ok(None),
        };
        let object = serde_json::from_value(told.object).map_err(|error| self.nonsense(error))?;
        Ok(Some(make(object)))
    }

    /// Whether the watch can go on at all, and from where.
    fn failed(&mut self, failure: Failure) -> Result<()> {
        self.lines = None;
        let status = failure.error.context_value("status").unwrap_or_default();
        if status.starts_with("410") {
            tracing::debug!(error = %failure.error, "the watch begins anew");
            self.version = None;
            self.wait = Some(self.pause.next_pause());
            return Ok(());
        }
        let kind = failure.error.kind();
        if kind.retry() == Retry::Soon {
            self.troubled = true;
            self.wait = Some(self.cluster.pause(&mut self.pause, failure.retry_after));
        }
        Err(failure.error)
    }

    fn resume_later(&mut self) {
        self.lines = None;
        self.wait = Some(self.pause.next_pause());
    }

    /// What a line of kind `ERROR` says: a `Status`.
    fn refusal(&self, status: &Value) -> Failure {
        let code = status["code"].as_u64().and_then(|code| u16::try_from(code).ok());
        let body = status.to_string();
        let namespace = &self.cluster.namespace;
        refused(self.watch, namespace, code.unwrap_or(500), &HeaderMap::new(), body.as_bytes())
    }

    fn nonsense(&self, error: serde_json::Error) -> Failure {
        let message = format!("a line of the watch of {} makes no sense", self.watch.resource);
        let told = Error::new(ErrorKind::Unexpected, self.watch.op, message);
        Failure::of(told.source(error))
    }
}

fn first_pause(cluster: &Cluster) -> Backoff {
    Backoff::new(cluster.pace.api_first_pause, cluster.pace.max_pause)
}
