//! The events of a pod.

use serde_json::{Value, json};

use super::store::{Resource, Store, now};
use crate::random;

/// Writes down what happened to a pod. `kind` is `Normal` or `Warning`.
pub(super) fn record(
    store: &mut Store,
    pod: &Value,
    source: &str,
    kind: &str,
    reason: &str,
    message: &str,
) {
    let metadata = &pod["metadata"];
    let text = |name: &str| metadata[name].as_str().unwrap_or_default().to_owned();
    let (namespace, name) = (text("namespace"), text("name"));
    // The same again is counted.
    let same = store
        .list(Resource::Events, Some(&namespace))
        .into_iter()
        .find(|event| {
            event["involvedObject"]["uid"] == metadata["uid"]
                && event["reason"] == reason
                && event["message"] == message
        })
        .cloned();
    if let Some(mut event) = same {
        let key = super::store::key_of(Resource::Events, &event);
        event["count"] = (event["count"].as_u64().unwrap_or(1) + 1).into();
        event["lastTimestamp"] = now().into();
        store.put(key, event);
        return;
    }
    let key = (Resource::Events, namespace.clone(), format!("{name}.{}", random::hex(16)));
    let event = json!({
        "metadata": {},
        "involvedObject": {
            "kind": "Pod", "namespace": namespace, "name": name, "uid": metadata["uid"],
            "apiVersion": "v1", "resourceVersion": metadata["resourceVersion"],
        },
        "reason": reason, "message": message, "type": kind, "count": 1,
        "source": {"component": source}, "reportingComponent": source, "reportingInstance": "",
        "firstTimestamp": now(), "lastTimestamp": now(), "eventTime": null,
    });
    // The name is random; it is free.
    let _ = store.create(key, event);
}
