//! Finding pods that are there already.

use fargate_core::{Error, ErrorKind, Result, TaskSpec};
use k8s_openapi::List;
use k8s_openapi::api::core::v1::Pod;

use crate::call::{Call, LIST};
use crate::cluster::{Cluster, get, with_query};
use crate::error::Failure;
use crate::names::{KEY, OWNER, noted, owned_by};
use crate::status::is_over;

/// Pods per page of a list.
const PAGE: &str = "100";
/// How often a list that grew too old under way is begun again.
const ROUNDS: u32 = 3;

/// The pod `name`, or `None` if there is none.
pub(crate) async fn find(cluster: &Cluster, call: Call, name: &str) -> Result<Option<Pod>> {
    let path = cluster.path("pods", Some(name));
    match cluster.patiently(call, || get(&path)).await {
        Ok(pod) => Ok(Some(pod)),
        Err(failure) if is_missing(&failure) => Ok(None),
        Err(failure) => Err(failure.error.with("pod", name)),
    }
}

/// Whether the object is not there, as opposed to its namespace or the whole API.
pub(crate) fn is_missing(failure: &Failure) -> bool {
    failure.error.kind() == ErrorKind::NotFound && failure.reason == "NotFound"
}

/// The pods of `owner` that are not over.
pub(crate) async fn owned(cluster: &Cluster, owner: &str) -> Result<Vec<Pod>> {
    let mut left = ROUNDS;
    let mut pods = loop {
        left -= 1;
        match all_pages(cluster, &owned_by(owner)).await {
            // The continuation has expired: kept for some minutes only.
            Err(failure) if failure.reason == "Expired" && left > 0 => {}
            Err(failure) => return Err(failure.error),
            Ok(pods) => break pods,
        }
    };
    pods.retain(|pod| !is_over(pod) && noted(pod, OWNER) == Some(owner));
    Ok(pods)
}

async fn all_pages(cluster: &Cluster, selector: &str) -> Result<Vec<Pod>, Failure> {
    let mut pods = Vec::new();
    let mut next = String::new();
    loop {
        let mut query = vec![("labelSelector", selector), ("limit", PAGE)];
        if !next.is_empty() {
            query.push(("continue", &next));
        }
        let path = with_query(&cluster.path("pods", None), &query);
        let page: List<Pod> = cluster.patiently(LIST, || get(&path)).await?;
        pods.extend(page.items);
        next = page.metadata.continue_.unwrap_or_default();
        if next.is_empty() {
            return Ok(pods);
        }
    }
}

/// Whether `pod` was created for `spec`; if not, the error says whose it is.
pub(crate) fn check(pod: &Pod, spec: &TaskSpec) -> Result<()> {
    let is = |name, wanted: &str| noted(pod, name) == Some(wanted);
    if is(OWNER, spec.owner.as_str()) && is(KEY, spec.key.as_str()) {
        return Ok(());
    }
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    Err(Error::new(
        ErrorKind::Conflict,
        "start pod",
        format!("the pod {name} is there already and belongs to somebody else"),
    )
    .with("pod", name)
    .with("owner", noted(pod, OWNER).unwrap_or("none"))
    .hint("launch with a key of its own, or delete that pod"))
}

#[cfg(test)]
mod tests {
    use fargate_core::TaskKey;
    use serde_json::json;

    use super::*;

    #[test]
    fn only_a_pod_of_the_same_owner_and_key_is_ours() {
        let key = |text: &str| TaskKey::new(text).unwrap();
        let spec = TaskSpec::new(key("k"), key("o"), "ssh-ed25519 A");
        let pod = |notes: serde_json::Value| -> Pod {
            serde_json::from_value(json!({"metadata": {"name": "ci-k", "annotations": notes}}))
                .unwrap()
        };
        assert!(check(&pod(json!({OWNER: "o", KEY: "k"})), &spec).is_ok());
        for notes in [json!({OWNER: "x", KEY: "k"}), json!({OWNER: "o", KEY: "x"}), json!({})] {
            let error = check(&pod(notes), &spec).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Conflict);
        }
    }
}
