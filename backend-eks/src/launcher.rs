//! The launcher.

use std::fmt;
use std::time::Duration;

use fargate_aws_access::SdkConfig;
use fargate_core::{
    Error, ErrorKind, News, Pace, Result, Stopped, TaskHandle, TaskLauncher, TaskSpec, TaskStatus,
    async_trait,
};
use k8s_openapi::api::core::v1::Pod;
use serde_json::Value;

use crate::call::{CREATE, GET, LOG};
use crate::cluster::{Cluster, get, with_query};
use crate::config::EksConfig;
use crate::handle::{self, BACKEND, EksTask};
use crate::launch::Launch;
use crate::profile::Profiles;
use crate::size::FargateSize;
use crate::status::{forgotten, observe};
use crate::watch::Watch;
use crate::{access, adopt, pod, stop, stopped_keys, template};

/// Starts tasks as pods on EKS Fargate.
///
/// - [`launch`](TaskLauncher::launch): creates a pod of the key's name. A name exists once, so a
///   request whose answer was lost is simply sent again, until [`EksConfig::launch_timeout`] or,
///   if that is shorter, [`TaskSpec::launch_timeout`]. A pod of that name is adopted if owner and
///   key are the same. When an answer was lost and the pod does not show, the error is
///   [`ErrorKind::ConnectionLost`], whatever came last. For an EKS cluster by name a Fargate
///   profile that takes the pod is looked for first, where EKS lets it be.
/// - [`status`](TaskLauncher::status): one GET. A pod that waiting cannot bring up (no such image,
///   not supported on Fargate, …) is `Stopped` with the reason, although it still exists. Where
///   the reason of an image that cannot be pulled is in an event alone, only `watch` tells.
/// - [`watch`](TaskLauncher::watch): a watch of the pod and one of its warning events. It goes on
///   where it was after a cut, and begins anew where the cluster has forgotten that place. Without
///   the right to events they are left out; without the right to watch, the pod is asked for.
/// - [`stop`](TaskLauncher::stop): deletes the pod with the grace, one second at least, and waits
///   until it is gone. The key stays dead for a day or two, by a ConfigMap of the pod's name;
///   without the right to create those it is free again.
/// - [`list`](TaskLauncher::list): by label, then by the annotation that has the owner in full.
/// - Short service trouble is borne ([`EksPace`](crate::EksPace)), `Retry-After` is honoured.
/// - [`TaskSpec::deadline`] is the pod's `activeDeadlineSeconds`, or [`EksConfig::deadline`] if that
///   is earlier: it counts from when the pod has its machine.
/// - [`TaskSpec::needs`]: its image goes over [`EksConfig::image`], and the image's entry point is the
///   container's command, over the template's; services are further containers; sizes and
///   service account go over the settings'. What Fargate has not for pods (Spot, other platforms than
///   linux/amd64) or Kubernetes not (users by name) is [`ErrorKind::Unsupported`].
/// - With [`EksConfig::agent`] an init container brings the agent, which the jobs' container runs unless
///   scripts come by `pods/exec`, and the helper container too.
/// - [`log`](TaskLauncher::log): one GET of `pods/log`.
pub struct EksLauncher {
    config: EksConfig,
    cluster: Cluster,
    profiles: Option<Profiles>,
    template: Value,
}

impl fmt::Debug for EksLauncher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EksLauncher").field("cluster", &self.cluster).finish_non_exhaustive()
    }
}

impl EksLauncher {
    /// A launcher for the cluster of the settings.
    ///
    /// Reads the pod template and the kubeconfig. For an EKS cluster by name, AWS's default chain
    /// gives the credentials (environment, profile, container or instance role), and
    /// `eks:DescribeCluster` the address; the cluster itself is not asked yet.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidConfig`] for a contradiction in the settings, a template or kubeconfig
    /// that cannot be used, or an unknown region; for an EKS cluster by name also `NotFound`,
    /// `Unauthenticated`, `PermissionDenied`, `Untrusted` and service errors.
    ///
    /// # Cancel safety
    /// Cancel-safe.
    pub async fn connect(config: EksConfig) -> Result<Self> {
        Self::open(config, None).await
    }

    /// As [`connect`](Self::connect), with the credentials, region and endpoint of `sdk`, for an
    /// EKS cluster by name. What `config` says goes first; retries and time limits are
    /// [`EksConfig::pace`]'s.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    ///
    /// # Cancel safety
    /// Cancel-safe.
    pub async fn with_sdk_config(config: EksConfig, sdk: SdkConfig) -> Result<Self> {
        Self::open(config, Some(sdk)).await
    }

    async fn open(config: EksConfig, sdk: Option<SdkConfig>) -> Result<Self> {
        config.check()?;
        let template = match &config.pod_template {
            Some(path) => template::read(path).await?,
            None => template::empty(),
        };
        let (cluster, profiles) = access::open(&config, sdk).await?;
        Ok(Self { config, cluster, profiles, template })
    }

    /// The size that Fargate will give each pod and AWS will bill, the template's containers
    /// included.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidConfig`] when Fargate has no size that large, or the template has a
    /// size that is no Kubernetes quantity.
    pub fn billed_size(&self) -> Result<FargateSize> {
        FargateSize::of_pod(&pod::shape(&self.config, &self.template)).ok_or_else(|| {
            Error::new(
                ErrorKind::InvalidConfig,
                "choose the pod's size",
                "Fargate has no size for what the pod's containers request together",
            )
            .hint(
                "the largest is 16 vCPU and 120 GB, 256 MiB of which are Fargate's own; correct \
                 CPU and Memory, and the requests in the pod template",
            )
        })
    }

    fn handle(&self, pod: &Pod) -> Option<TaskHandle> {
        handle::of_pod(pod, &self.cluster, &self.config)
    }

    /// The handle's task, and the cluster with its namespace.
    fn task(&self, handle: &TaskHandle) -> Result<(EksTask, Cluster)> {
        let task = EksTask::read(handle, &self.cluster)?;
        let cluster = self.cluster.in_namespace(&task.namespace);
        Ok((task, cluster))
    }
}

#[async_trait]
impl TaskLauncher for EksLauncher {
    fn backend(&self) -> &'static str {
        BACKEND
    }

    async fn launch(&self, spec: &TaskSpec) -> Result<TaskHandle> {
        let body = pod::build(&self.config, &self.template, spec)?;
        let launch = Launch::new(&self.cluster, spec, &body, self.config.launch_timeout);
        if let Some(profiles) = &self.profiles
            && let Err(refusal) = profiles.check(&body).await
        {
            // A profile may have gone after it took this very pod.
            launch.unless_existing(refusal).await?;
        }
        let pod = launch.run().await?;
        self.handle(&pod).ok_or_else(|| {
            Error::new(ErrorKind::Unexpected, CREATE.op, "the cluster's pod has no name or uid")
        })
    }

    async fn status(&self, task: &TaskHandle) -> Result<TaskStatus> {
        let (task, cluster) = self.task(task)?;
        let pod = adopt::find(&cluster, GET, &task.name).await?.filter(|pod| task.is(pod));
        let pod = pod.ok_or_else(|| forgotten(&task))?;
        Ok(observe(&pod).status(&task))
    }

    async fn watch(
        &self,
        task: &TaskHandle,
        pace: &Pace,
        told: &mut (dyn for<'n> FnMut(News<'n>) + Send),
    ) -> Result<Stopped> {
        let (pod, cluster) = self.task(task)?;
        Watch::new(&cluster, &pod, told).run(pace).await
    }

    async fn stop(&self, task: &TaskHandle, grace: Duration) -> Result<()> {
        let (task, cluster) = self.task(task)?;
        // In this order, so that a launch under way sees one or is seen by the other.
        stopped_keys::set(&cluster, &task.name).await;
        stop::delete(&cluster, &task.name, &task.uid, grace).await
    }

    async fn list(&self, owner: &str) -> Result<Vec<TaskHandle>> {
        let pods = adopt::owned(&self.cluster, owner).await?;
        Ok(pods.iter().filter_map(|pod| self.handle(pod)).collect())
    }

    async fn log(&self, task: &TaskHandle, container: &str, lines: usize) -> Result<Vec<String>> {
        let (task, cluster) = self.task(task)?;
        let lines = lines.to_string();
        let path = format!("{}/log", cluster.path("pods", Some(&task.name)));
        let path = with_query(&path, &[("container", container), ("tailLines", &lines)]);
        let (request, body) = get(&path);
        let log = cluster.bytes(LOG, request, body).await.map_err(|failure| {
            failure.error.with("pod", &task.name).with("container", container)
        })?;
        Ok(String::from_utf8_lossy(&log).lines().map(ToOwned::to_owned).collect())
    }
}
