//! What a test can see of a pod without asking over HTTP.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use serde_json::Value;

use super::process::Life;

/// A pod at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct PodView {
    /// `metadata.name`.
    pub name: String,
    /// `metadata.namespace`.
    pub namespace: String,
    /// `metadata.uid`.
    pub uid: String,
    /// `status.phase`; of a pod that is gone the last one.
    pub phase: String,
    /// `status.reason`.
    pub reason: Option<String>,
    /// `metadata.labels`.
    pub labels: BTreeMap<String, String>,
    /// `metadata.annotations`.
    pub annotations: BTreeMap<String, String>,
    /// The literal environment of the container that is the program.
    pub env: BTreeMap<String, String>,
    /// The whole object.
    pub json: Value,
    /// Its address, whether or not the API shows it yet.
    pub address: Ipv4Addr,
    /// The process that listens at the address, while there is one; with
    /// [`EksOptions::images`](super::EksOptions::images) the first of the container that is given
    /// the key.
    pub pid: Option<u32>,
    /// The host key that the program of the options shows, as one OpenSSH line without a comment.
    pub host_key: Option<String>,
    /// Whether it is being deleted.
    pub deleting: bool,
    /// Whether the API has it no more.
    pub gone: bool,
}

impl PodView {
    pub(super) fn of(life: &Life) -> Self {
        let (pod, metadata) = (&life.last, &life.last["metadata"]);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Self {
            name: text(&metadata["name"]),
            namespace: text(&metadata["namespace"]),
            uid: text(&metadata["uid"]),
            phase: text(&pod["status"]["phase"]),
            reason: pod["status"]["reason"].as_str().map(str::to_owned),
            labels: map(&metadata["labels"]),
            annotations: map(&metadata["annotations"]),
            env: life.environment().into_iter().collect(),
            json: pod.clone(),
            address: life.address,
            pid: match &life.containers {
                Some(containers) => containers.pid(life.main),
                None => life.host.as_ref().and_then(|host| host.pid()),
            },
            host_key: life.host.as_ref().and_then(|host| host.host_key()),
            deleting: metadata["deletionTimestamp"].is_string(),
            gone: life.gone,
        }
    }

    /// Whether something of it may still run.
    #[must_use]
    pub fn lives(&self) -> bool {
        !self.gone && (self.phase == "Pending" || self.phase == "Running")
    }
}

fn map(object: &Value) -> BTreeMap<String, String> {
    let pairs = object.as_object().into_iter().flatten();
    pairs
        .map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()))
        .collect()
}
