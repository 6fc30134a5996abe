//! One launch: a pod of the key's name, created once.
//!
//! A name exists once, so the same request may be sent again whatever became of the last one.

use std::time::Duration;

use fargate_core::{Backoff, Error, ErrorKind, Result, TaskSpec};
use http::Request;
use k8s_openapi::api::core::v1::Pod;
use serde_json::Value;
use tokio::time::{Instant, sleep_until};

use crate::adopt;
use crate::call::{CREATE, FIND};
use crate::cluster::{Cluster, send, with_query};
use crate::error::{Failure, unknown};
use crate::names::{self, MANAGER};
use crate::status::is_over;
use crate::{stop, stopped_keys};

pub(crate) struct Launch<'a> {
    cluster: &'a Cluster,
    spec: &'a TaskSpec,
    pod: &'a Value,
    name: String,
    deadline: Instant,
    /// Whether some request may have created the pod although no answer said so.
    doubt: bool,
}

impl<'a> Launch<'a> {
    /// A launch of `pod`, made for `spec`, that is given up after `limit`.
    pub(crate) fn new(
        cluster: &'a Cluster,
        spec: &'a TaskSpec,
        pod: &'a Value,
        limit: Duration,
    ) -> Self {
        let limit = spec.launch_timeout.unwrap_or(Duration::MAX).min(limit);
        let name = names::object_name(&spec.key);
        Self { cluster, spec, pod, name, deadline: after(limit), doubt: false }
    }

    pub(crate) async fn run(mut self) -> Result<Pod> {
        let pod = match self.create().await {
            Ok(pod) => pod,
            Err(error) => self.give_up(error).await?,
        };
        if is_over(&pod) || !stopped_keys::has(self.cluster, &self.name).await {
            return Ok(pod);
        }
        // Stopped while it was being created, or before: the stop did not see this pod.
        let uid = pod.metadata.uid.as_deref().unwrap_or_default();
        stop::delete(self.cluster, &self.name, uid, Duration::ZERO).await.map_err(unknown)?;
        Err(Error::new(
            ErrorKind::Conflict,
            CREATE.op,
            format!("the key {} was stopped before", self.spec.key),
        )
        .with("pod", &self.name)
        .hint("launch with a new key"))
    }

    /// Sends the request until it is answered for good, or the deadline.
    async fn create(&mut self) -> Result<Pod> {
        let query = [("fieldManager", MANAGER), ("fieldValidation", "Strict")];
        let path = with_query(&self.cluster.path("pods", None), &query);
        let pace = &self.cluster.pace;
        let mut pause = Backoff::new(pace.api_first_pause, pace.max_pause);
        let reachable_by = after(pace.api_patience);
        let mut deadline = self.deadline;
        loop {
            let (request, body) = send(Request::post(&path), self.pod);
            let failure = match self.cluster.once::<Pod>(CREATE, request, body).await {
                Ok(pod) => return Ok(pod),
                Err(failure) => failure,
            };
            self.doubt |= failure.doubt;
            let exists = failure.reason == "AlreadyExists";
            if exists && let Some(pod) = self.existing().await? {
                return Ok(pod);
            }
            let Failure { error, retry_after, .. } = failure;
            let error = error.with("pod", &self.name);
            match error.kind() {
                // Gone between the two questions, so that the name is free again; or the quota
                // was counted by somebody else at the same time.
                ErrorKind::Conflict
                | ErrorKind::Throttled
                | ErrorKind::Unavailable
                | ErrorKind::ConnectionLost
                | ErrorKind::Capacity => {}
                // Most often a wrong address or no route, which ten minutes do not mend.
                ErrorKind::ConnectFailed => deadline = deadline.min(reachable_by),
                _ => return Err(error),
            }
            let next = after(self.cluster.pause(&mut pause, retry_after));
            if next >= deadline {
                return Err(error);
            }
            tracing::debug!(%error, "creating the pod again under the same name");
            sleep_until(next).await;
        }
    }

    /// Fails with `refusal`, which forbids to create the pod, unless it is there already.
    pub(crate) async fn unless_existing(&self, refusal: Error) -> Result<()> {
        let found = adopt::find(self.cluster, FIND, &self.name).await;
        match found.and_then(|pod| self.ours(pod)) {
            Ok(Some(_)) => Ok(()),
            Ok(None) => Err(refusal),
            // Nothing was asked for yet, so nothing is in doubt.
            Err(error) => Err(refusal.with("a pod of before", error.message())),
        }
    }

    /// The pod that has the name, if it is ours.
    async fn existing(&self) -> Result<Option<Pod>> {
        let found = adopt::find(self.cluster, FIND, &self.name).await;
        self.ours(found.map_err(unknown)?)
    }

    fn ours(&self, pod: Option<Pod>) -> Result<Option<Pod>> {
        pod.map(|pod| adopt::check(&pod, self.spec).map(|()| pod)).transpose()
    }

    /// The end of a launch: the pod that is there after all, or what went wrong.
    async fn give_up(&self, error: Error) -> Result<Pod> {
        if !self.doubt {
            return Err(error);
        }
        match self.existing().await {
            Ok(Some(pod)) => Ok(pod),
            // The request may still be on its way.
            Ok(None) => Err(unknown(error)),
            Err(last) => {
                tracing::debug!(%last, "cannot look for the pod");
                Err(unknown(error))
            }
        }
    }
}

/// The moment `wait` from now. A setting such as [`Duration::MAX`] has no such moment, so 30 days
/// stand for everything longer.
fn after(wait: Duration) -> Instant {
    const LONGEST: Duration = Duration::from_secs(30 * 24 * 60 * 60);
    Instant::now() + wait.min(LONGEST)
}
