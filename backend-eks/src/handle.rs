//! What a later process needs to know of a task.

use fargate_core::{Endpoint, Error, ErrorKind, Result, TaskHandle};
use k8s_openapi::api::core::v1::Pod;
use serde::{Deserialize, Serialize};

use crate::cluster::Cluster;
use crate::config::{Connect, EksConfig};
use crate::names::{self, KEY};

/// Part of every handle this backend makes.
pub(crate) const BACKEND: &str = "eks";

/// The private state of a handle. It holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EksTask {
    /// Address of the API server.
    pub(crate) server: String,
    pub(crate) namespace: String,
    pub(crate) name: String,
    /// Tells the pod from another one that came to its name later.
    pub(crate) uid: String,
    pub(crate) ssh_user: String,
    pub(crate) ssh_port: u16,
    #[serde(default)]
    pub(crate) connect: Connect,
}

impl EksTask {
    /// What `pod` is; `None` for a pod without name or uid, which no API server sends.
    pub(crate) fn of(pod: &Pod, cluster: &Cluster, config: &EksConfig) -> Option<Self> {
        Some(Self {
            server: cluster.server.clone(),
            namespace: cluster.namespace.clone(),
            name: pod.metadata.name.clone()?,
            uid: pod.metadata.uid.clone()?,
            ssh_user: config.ssh_user.clone(),
            ssh_port: config.port(),
            connect: config.connect,
        })
    }

    /// Reads a handle that was made for `cluster`.
    pub(crate) fn read(handle: &TaskHandle, cluster: &Cluster) -> Result<Self> {
        let task: Self = handle.state(BACKEND)?;
        // Another cluster would say that it knows no such pod, and the pod would run on.
        if task.server != cluster.server {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "read task handle",
                format!("the pod runs in the cluster at {}", task.server),
            )
            .with("task", handle.id())
            .with("cluster now", &cluster.server)
            .hint("the cluster was changed while the job ran; let running jobs end first"));
        }
        // Both become part of a path.
        if !names::is_dns_label(&task.namespace) || !names::is_dns_label(&task.name) {
            return Err(Error::new(
                ErrorKind::Unexpected,
                "read task handle",
                "its names are none that Kubernetes takes",
            ));
        }
        Ok(task)
    }

    pub(crate) fn into_handle(self, key: Option<&str>) -> TaskHandle {
        let id = format!("{}/{}", self.namespace, self.name);
        let handle = TaskHandle::new(BACKEND, id, serde_json::json!(self));
        match key {
            Some(key) => handle.with_key(key),
            None => handle,
        }
    }

    /// Whether `pod` is the one this handle was made for.
    pub(crate) fn is(&self, pod: &Pod) -> bool {
        pod.metadata.uid.as_deref() == Some(self.uid.as_str())
    }

    /// Where the pod answers, if that is known: SSH at its address as soon as it has one, the ways
    /// through the API once it runs.
    pub(crate) fn endpoint(&self, address: Option<String>, runs: bool) -> Option<Endpoint> {
        let task = || format!("{}/{}", self.namespace, self.name);
        match self.connect {
            Connect::Ssh => address.map(|host| Endpoint::Ssh {
                host,
                port: self.ssh_port,
                user: self.ssh_user.clone(),
                host_key: None,
            }),
            Connect::PortForward => runs.then(|| Endpoint::Forwarded {
                task: task(),
                instance: self.uid.clone(),
                port: self.ssh_port,
                user: self.ssh_user.clone(),
                host_key: None,
            }),
            Connect::Exec => runs.then(|| Endpoint::Exec {
                task: task(),
                instance: Some(self.uid.clone()),
                container: None,
            }),
        }
    }
}

/// The handle of a pod, with the key its ledger has.
pub(crate) fn of_pod(pod: &Pod, cluster: &Cluster, config: &EksConfig) -> Option<TaskHandle> {
    Some(EksTask::of(pod, cluster, config)?.into_handle(names::noted(pod, KEY)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::{ClusterAccess, EksPace};

    fn cluster(server: &str) -> Cluster {
        // The client's buffer needs a runtime, though nothing is sent.
        let service = tower::service_fn(|_: http::Request<kube::client::Body>| async {
            Err::<http::Response<kube::client::Body>, std::io::Error>(std::io::Error::other("no"))
        });
        let client = kube::Client::new(service, "jobs");
        Cluster::new(client, server.to_owned(), "jobs", EksPace::default())
    }

    fn pod() -> Pod {
        serde_json::from_value(json!({"metadata": {
            "name": "ci-k", "uid": "u-1", "annotations": {"fargate-driver/key": "k"}}}))
        .unwrap()
    }

    #[tokio::test]
    async fn the_state_survives_a_round_trip() {
        let config = EksConfig::new(ClusterAccess::InCluster, "jobs", "image");
        let here = cluster("https://one/");
        let handle = of_pod(&pod(), &here, &config).unwrap();
        assert_eq!(handle.id(), "jobs/ci-k");
        assert_eq!(handle.key(), Some("k"));
        let task = EksTask::read(&handle, &here).unwrap();
        assert_eq!(task, EksTask::of(&pod(), &here, &config).unwrap());
        assert!(task.is(&pod()));
        let error = EksTask::read(&handle, &cluster("https://two/")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
    }

    #[tokio::test]
    async fn a_handle_cannot_name_another_path() {
        let state = json!({"server": "https://one/", "namespace": "jobs", "name": "../x",
            "uid": "u", "ssh_user": "root", "ssh_port": 22});
        let handle = TaskHandle::new(BACKEND, "x", state);
        let error = EksTask::read(&handle, &cluster("https://one/")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unexpected);
    }
}
