//! Ending a pod.

use std::time::Duration;

use fargate_core::{Backoff, Error, ErrorKind, Result};
use http::Request;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::adopt;
use crate::call::{DELETE, GONE};
use crate::cluster::{Cluster, send};

/// Deletes the pod `name` if it has this uid, and waits until it is gone: for `grace` and [`EksPace::gone_patience`](crate::EksPace::gone_patience) at most. A pod that is still
/// there then is the cluster's to end: it has accepted to.
pub(crate) async fn delete(
    cluster: &Cluster,
    name: &str,
    uid: &str,
    grace: Duration,
) -> Result<()> {
    // A part of a second would be none, and none means not to ask at all.
    let seconds = grace.as_secs() + u64::from(grace.subsec_nanos() > 0);
    let options = json!({
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        // Without a grace the object would go before its processes have.
        "gracePeriodSeconds": seconds.max(1),
        "preconditions": { "uid": uid },
    });
    let path = cluster.path("pods", Some(name));
    let mut pause = Backoff::new(cluster.pace.api_first_pause, cluster.pace.max_pause);
    for _ in 0..cluster.pace.api_attempts.max(1) {
        match cluster.patiently::<Value>(DELETE, || send(Request::delete(&path), &options)).await {
            Ok(_) => return wait_until_gone(cluster, name, uid, grace).await,
            Err(failure) if adopt::is_missing(&failure) => return Ok(()),
            Err(failure) if failure.error.kind() == ErrorKind::Conflict => {
                // Another pod has the name, so ours is gone; or it was changed at that moment.
                if !is_there(cluster, name, uid).await? {
                    return Ok(());
                }
            }
            Err(failure) => return Err(failure.error.with("pod", name)),
        }
        sleep(pause.next_pause()).await;
    }
    Err(Error::new(
        ErrorKind::Unavailable,
        DELETE.op,
        "the pod is changed by somebody else each time it is to be deleted",
    )
    .with("pod", name))
}

/// Whether the pod with this uid is still there.
async fn is_there(cluster: &Cluster, name: &str, uid: &str) -> Result<bool> {
    let found = adopt::find(cluster, GONE, name).await?;
    Ok(found.is_some_and(|pod| pod.metadata.uid.as_deref() == Some(uid)))
}

async fn wait_until_gone(cluster: &Cluster, name: &str, uid: &str, grace: Duration) -> Result<()> {
    let pace = &cluster.pace;
    let until = Instant::now() + grace + pace.gone_patience;
    let mut pause = Backoff::new(pace.gone_pause, pace.gone_pause * 4);
    loop {
        match is_there(cluster, name, uid).await {
            Ok(true) => {}
            Ok(false) => return Ok(()),
            // It is being deleted all the same.
            Err(error) if error.kind() == ErrorKind::PermissionDenied => return Ok(()),
            Err(error) => return Err(error),
        }
        if Instant::now() >= until {
            tracing::warn!(
                pod = name,
                "the cluster has accepted to end the pod but has not done so yet"
            );
            return Ok(());
        }
        sleep(pause.next_pause()).await;
    }
}
