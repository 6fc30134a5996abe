//! Following a pod: the cluster tells its changes, and its events beside them.
//!
//! Source: "Efficient detection of changes" in the Kubernetes API concepts.

mod billed;
mod follow;
mod known;
mod warning;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fargate_core::{Backoff, Error, ErrorKind, News, Pace, Result, Retry, StopCause, Stopped};
use k8s_openapi::api::core::v1::{Event, Pod};
use tokio::time::sleep;

use self::follow::{Change, Follow};
use self::known::Known;
use crate::adopt;
use crate::call::{GET, LIST_EVENTS, LIST_POD, WATCH_EVENTS, WATCH_POD};
use crate::cluster::Cluster;
use crate::handle::EksTask;
use crate::status::{Seen, forgotten, observe};

/// How often it is asked whether a pod has waited for long enough.
const GLANCE: Duration = Duration::from_secs(1);

/// One watch of one pod.
pub(crate) struct Watch<'a> {
    cluster: &'a Cluster,
    task: &'a EksTask,
    known: Mutex<Known<'a>>,
}

impl<'a> Watch<'a> {
    /// A watch of the pod of `task`, told to `told`.
    pub(crate) fn new(
        cluster: &'a Cluster,
        task: &'a EksTask,
        told: &'a mut (dyn for<'n> FnMut(News<'n>) + Send),
    ) -> Self {
        let known = Mutex::new(Known::new(task, cluster.pace.explanation_patience, told));
        Self { cluster, task, known }
    }

    /// Follows the pod to its end; `pace` is for a cluster that does not let it be watched.
    pub(crate) async fn run(self, pace: &Pace) -> Result<Stopped> {
        let watched = async {
            match self.follow_pod().await {
                Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                    self.known().notice(&not_allowed(&error));
                    self.ask_for_pod(pace).await
                }
                ended => ended,
            }
        };
        tokio::select! {
            ended = watched => ended,
            ended = self.follow_events() => Ok(ended),
            ended = self.tire() => Ok(ended),
        }
    }

    fn known(&self) -> MutexGuard<'_, Known<'a>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn follow_pod(&self) -> Result<Stopped> {
        let fields = format!("metadata.name={}", self.task.name);
        let mut follow = Follow::new(self.cluster, LIST_POD, WATCH_POD, &fields);
        loop {
            let change = match follow.next::<Pod>().await {
                Ok(change) => change,
                Err(error) if error.kind().retry() == Retry::Soon => {
                    self.known().trouble(&error);
                    continue;
                }
                Err(error) => return Err(error.with("pod", &self.task.name)),
            };
            let pod = match change {
                Change::All(pods) => {
                    let mine = pods.into_iter().find(|pod| self.task.is(pod));
                    mine.ok_or_else(|| forgotten(self.task))?
                }
                // Another pod has come to the name of ours.
                Change::Put(pod) if !self.task.is(&pod) => return Err(forgotten(self.task)),
                Change::Put(pod) => pod,
                Change::Gone(pod) if self.task.is(&pod) => return Ok(deleted(&pod)),
                Change::Gone(_) => continue,
                Change::Again => {
                    self.known().trouble_is_over();
                    continue;
                }
            };
            if let Some(stopped) = self.known().see(pod) {
                return Ok(stopped);
            }
        }
    }

    async fn ask_for_pod(&self, pace: &Pace) -> Result<Stopped> {
        let mut pause = Backoff::new(pace.first_poll, pace.max_poll);
        loop {
            match adopt::find(self.cluster, GET, &self.task.name).await {
                Ok(pod) => {
                    let mine = pod.filter(|pod| self.task.is(pod));
                    let pod = mine.ok_or_else(|| forgotten(self.task))?;
                    if let Some(stopped) = self.known().see(pod) {
                        return Ok(stopped);
                    }
                }
                Err(error) if error.kind().retry() == Retry::Soon => self.known().trouble(&error),
                Err(error) => return Err(error),
            }
            sleep(pause.next_pause()).await;
        }
    }

    /// The registry's answer may be in an event alone, which is late, or not the driver's to read.
    /// Returns the end of a pod that has waited for it in vain.
    async fn tire(&self) -> Stopped {
        loop {
            sleep(GLANCE).await;
            if let Some(stopped) = self.known().tire() {
                return stopped;
            }
        }
    }

    /// Follows the pod's warnings; returns only when one of them is the pod's end. Whatever else
    /// is wrong with them: the pod is followed all the same.
    async fn follow_events(&self) -> Stopped {
        let fields = format!("involvedObject.uid={},type=Warning", self.task.uid);
        let mut follow = Follow::new(self.cluster, LIST_EVENTS, WATCH_EVENTS, &fields);
        let error = loop {
            let events = match follow.next::<Event>().await {
                Ok(Change::All(events)) => events,
                Ok(Change::Put(event)) => vec![event],
                Ok(Change::Gone(_) | Change::Again) => continue,
                Err(error) if error.kind().retry() == Retry::Soon => continue,
                Err(error) => break error,
            };
            if let Some(stopped) = self.known().hear(&events) {
                return stopped;
            }
        };
        tracing::debug!(%error, hint = error.advice(), "going on without the pod's events");
        std::future::pending().await
    }
}

/// The end of a pod that is not there any more; it was there a moment ago.
fn deleted(pod: &Pod) -> Stopped {
    match observe(pod) {
        Seen::Stopped(stopped) => stopped,
        _ => Stopped::new(StopCause::Requested, "the pod was deleted"),
    }
}

/// What to tell when the driver may not watch pods.
fn not_allowed(error: &Error) -> String {
    let advice = error.advice().unwrap_or("allow the driver to list and watch pods");
    format!("The driver may not watch the pod, so it asks for it every few seconds; {advice}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::status::tests::{own, pod};

    #[test]
    fn a_pod_that_goes_without_a_word_was_deleted_and_an_ended_one_had_ended() {
        let running =
            json!({"phase": "Running", "containerStatuses": own(&json!({"running": {}}))});
        assert_eq!(deleted(&pod(&running)).cause, StopCause::Requested);
        let ended = json!({"phase": "Failed", "reason": "Evicted", "message": "x"});
        assert_eq!(deleted(&pod(&ended)).cause, StopCause::Interrupted);
    }
}
