//! Stopped keys: a key whose pod was stopped must not start another one.
//!
//! Once a pod is gone, its name is free again, so the stop leaves a mark of its own: an empty
//! ConfigMap of the pod's name, kept for a day or two. A stop marks first and deletes then; a
//! launch creates first and looks for a mark then. Whichever way the two interleave, either the
//! stop finds the pod or the launch finds the mark.
//!
//! A cluster that does not let the driver write ConfigMaps runs jobs all the same; its keys are
//! free again after a stop.

use std::time::{Duration, SystemTime};

use fargate_core::ErrorKind;
use http::Request;
use serde_json::{Value, json};

use crate::call::{Call, FORGET, MARK, READ_MARK};
use crate::cluster::{Cluster, get, send, with_query};
use crate::error::Failure;
use crate::names::MANAGER;

const RESOURCE: &str = "configmaps";
/// Days since 1970 at the time of the stop, by which old marks are selected.
const DAY: &str = "fargate-driver/stopped-on-day";

/// Whether the key of the pod `name` was stopped.
pub(crate) async fn has(cluster: &Cluster, name: &str) -> bool {
    let path = cluster.path(RESOURCE, Some(name));
    match cluster.patiently::<Value>(READ_MARK, || get(&path)).await {
        Ok(_) => true,
        Err(failure) => {
            if failure.error.kind() != ErrorKind::NotFound {
                tell(READ_MARK, &failure);
            }
            false
        }
    }
}

/// Marks the key of the pod `name`, and forgets marks that are old enough.
///
/// It never fails: ending the pod matters more.
pub(crate) async fn set(cluster: &Cluster, name: &str) {
    let today = day(SystemTime::now());
    let mark = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": name,
            "labels": {
                "app.kubernetes.io/managed-by": MANAGER,
                DAY: today.to_string(),
            },
        },
    });
    let path = with_query(&cluster.path(RESOURCE, None), &[("fieldManager", MANAGER)]);
    match cluster.patiently::<Value>(MARK, || send(Request::post(&path), &mark)).await {
        Ok(_) => forget_old(cluster, today).await,
        // Marked before.
        Err(failure) if failure.error.kind() == ErrorKind::Conflict => {}
        Err(failure) => tell(MARK, &failure),
    }
}

async fn forget_old(cluster: &Cluster, today: u64) {
    let selector = format!("{DAY},{DAY} notin ({today},{})", today.saturating_sub(1));
    let path = with_query(&cluster.path(RESOURCE, None), &[("labelSelector", &selector)]);
    let (request, body) = (Request::delete(&path), Vec::new());
    if let Err(failure) = cluster.once::<Value>(FORGET, request, body).await {
        tell(FORGET, &failure);
    }
}

fn tell(call: Call, failure: &Failure) {
    tracing::debug!(error = %failure.error, verb = call.verb, "going on without marks of stopped keys");
}

fn day(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    since.as_secs() / (24 * 60 * 60)
}
