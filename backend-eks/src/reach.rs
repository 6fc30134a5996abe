//! Reaching into a pod through the cluster's API.

use std::fmt;

use fargate_core::{Backoff, Error, ErrorKind, Result, Retry};
use k8s_openapi::api::core::v1::Pod;
use tokio::sync::OnceCell;
use tokio::time::{Instant, sleep_until};

use crate::call::{Call, GET};
use crate::cluster::Cluster;
use crate::config::EksConfig;
use crate::error::Failure;
use crate::pod::CONTAINER;
use crate::socket::{self, Socket};
use crate::status::{self, Seen, observe};
use crate::{access, adopt, names};

/// A cluster that is looked up when it is first needed.
pub(crate) struct Reach {
    pub(crate) config: EksConfig,
    cluster: OnceCell<Cluster>,
}

impl fmt::Debug for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reach").field("cluster", &self.cluster.get()).finish_non_exhaustive()
    }
}

impl Reach {
    pub(crate) fn new(config: EksConfig) -> Self {
        Self { config, cluster: OnceCell::new() }
    }

    /// The pod that `task` names, "namespace/name".
    pub(crate) async fn pod(&self, task: &str, instance: Option<&str>) -> Result<PodAt> {
        let (namespace, name) = task
            .split_once('/')
            .filter(|(namespace, name)| names::is_dns_label(namespace) && names::is_dns_label(name))
            .ok_or_else(|| {
                let what = format!("{task:?} is no \"namespace/pod\"");
                Error::new(ErrorKind::InvalidConfig, "reach pod", what)
            })?;
        let open = async || access::open(&self.config, None).await.map(|(cluster, _)| cluster);
        let cluster = self.cluster.get_or_try_init(open).await?;
        Ok(PodAt {
            cluster: cluster.in_namespace(namespace),
            name: name.to_owned(),
            instance: instance.map(ToOwned::to_owned),
            container: CONTAINER.to_owned(),
        })
    }
}

/// One pod, by name and, where it is known, by uid.
#[derive(Debug, Clone)]
pub(crate) struct PodAt {
    pub(crate) cluster: Cluster,
    pub(crate) name: String,
    pub(crate) instance: Option<String>,
    /// The container that has to run.
    pub(crate) container: String,
}

impl PodAt {
    /// An error about this pod.
    pub(crate) fn error(
        &self,
        kind: ErrorKind,
        op: &'static str,
        what: impl fmt::Display,
    ) -> Error {
        Error::new(kind, op, format!("pod {self}: {what}"))
    }

    /// Opens a WebSocket of the pod, then looks whether it is the right one: a pod that was there
    /// before and is there afterwards is the one it was opened to.
    ///
    /// # Errors
    /// `Untrusted` when another pod has the name, `ConnectFailed` while it does not run yet, its
    /// end as [`Stopped::into_error`](fargate_core::Stopped::into_error), `NotFound`, and what the
    /// API says.
    pub(crate) async fn open(
        &self,
        call: Call,
        query: &str,
        protocol: &'static str,
    ) -> Result<(Pod, Socket)> {
        self.open_once(call, query, protocol).await.map_err(|failure| failure.error)
    }

    async fn open_once(
        &self,
        call: Call,
        query: &str,
        protocol: &'static str,
    ) -> Result<(Pod, Socket), Failure> {
        let path = self.cluster.path("pods", Some(&self.name));
        let action = call.resource.trim_start_matches("pods/");
        let path = format!("{path}/{action}?{query}");
        let socket = socket::open(&self.cluster, call, &path, protocol).await;
        // What is wrong with the pod says more than what the API makes of it.
        let pod = self.look(call.op).await.map_err(Failure::of)?;
        match socket {
            Ok(socket) => Ok((pod, socket)),
            Err(failure) => {
                Err(Failure { error: failure.error.with("pod", &self.name), ..failure })
            }
        }
    }

    /// As [`open`](Self::open), for as long as the cluster is merely in trouble: nothing of the
    /// caller's was sent yet.
    pub(crate) async fn open_patiently(
        &self,
        call: Call,
        query: &str,
        protocol: &'static str,
    ) -> Result<(Pod, Socket)> {
        let pace = &self.cluster.pace;
        let until = Instant::now() + pace.connect_patience;
        let mut pause = Backoff::new(pace.api_first_pause, pace.max_pause);
        loop {
            let Failure { error, retry_after, .. } =
                match self.open_once(call, query, protocol).await {
                    Ok(opened) => return Ok(opened),
                    Err(failure) => failure,
                };
            let next = Instant::now() + self.cluster.pause(&mut pause, retry_after);
            if error.kind().retry() != Retry::Soon || next > until {
                return Err(error);
            }
            tracing::debug!(%error, "asking the cluster for a WebSocket again");
            sleep_until(next).await;
        }
    }

    /// The same pod, where another container than the jobs' has to run.
    pub(crate) fn container(self, name: &str) -> Self {
        Self { container: name.to_owned(), ..self }
    }

    fn look_at_container(&self, pod: &Pod, op: &'static str) -> Result<()> {
        let name = &self.container;
        let all = pod.status.iter().flat_map(status::containers);
        let state = all.into_iter().find(|one| one.name == *name).and_then(|one| one.state.clone());
        let state = state.unwrap_or_default();
        match state.terminated {
            _ if state.running.is_some() => Ok(()),
            Some(end) => {
                let what = format!("its container {name} exited with code {}", end.exit_code);
                Err(self.error(ErrorKind::TaskFailed, op, what).hint("see the container's log"))
            }
            None => {
                let what = format!("its container {name} does not run yet");
                Err(self.error(ErrorKind::ConnectFailed, op, what))
            }
        }
    }

    /// Looks whether the pod runs and is the right one.
    async fn look(&self, op: &'static str) -> Result<Pod> {
        let found = adopt::find(&self.cluster, GET.made_for(op), &self.name).await?;
        let Some(pod) = found else {
            return Err(self
                .error(ErrorKind::NotFound, op, "the cluster does not know it (any more)")
                .hint("somebody has deleted it"));
        };
        if self.instance.as_deref().is_some_and(|uid| pod.metadata.uid.as_deref() != Some(uid)) {
            return Err(self
                .error(ErrorKind::Untrusted, op, "another pod has its name now")
                .with("known uid", self.instance.as_deref().unwrap_or_default())
                .with("uid now", pod.metadata.uid.as_deref().unwrap_or_default())
                .hint("somebody has deleted the job's pod and created one of the same name"));
        }
        match observe(&pod) {
            Seen::Running(_) => self.look_at_container(&pod, op).map(|()| pod),
            Seen::Starting(detail, _) => Err(self.error(
                ErrorKind::ConnectFailed,
                op,
                format_args!("it does not run yet: {detail}"),
            )),
            Seen::Stopped(stopped) => Err(stopped.into_error(op)),
        }
    }
}

impl fmt::Display for PodAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.cluster.namespace, self.name)
    }
}
