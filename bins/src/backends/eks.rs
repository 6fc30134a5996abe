//! Tasks on EKS: pods.

use std::sync::Arc;
use std::time::Duration;

use fargate_backend_eks::{
    AgentSetup, ClusterAccess, Connect, EksConfig, EksLauncher, PodExec, PodPorts, Toleration,
};
use fargate_core::{Endpoint, ExecRequest, Pace, Result, TaskLauncher, TaskService, async_trait};

use super::joined::Tasks;
use super::way_in::WayIn;
use super::{assume_role, contradiction, set_start};
use crate::config::{Settings, keys};

/// What prepare is about to do.
pub(super) fn describe(settings: &Settings, image: &str) -> String {
    let text = |key| settings.text(key).unwrap_or("?");
    let cluster = if settings.text(keys::EKS_CLUSTER).is_some() {
        format!("EKS cluster {}", text(keys::EKS_CLUSTER))
    } else if settings.text(keys::EKS_KUBECONFIG).is_some() {
        format!("the cluster of {}", text(keys::EKS_KUBECONFIG))
    } else {
        "this cluster".to_owned()
    };
    format!("Starting a pod of {image} in namespace {} of {cluster}", text(keys::EKS_NAMESPACE))
}

#[async_trait]
impl Tasks for EksConfig {
    async fn launcher(&self) -> Result<Arc<dyn TaskLauncher>> {
        Ok(Arc::new(EksLauncher::connect(self.clone()).await?))
    }

    fn helper(&self, job: &Endpoint) -> Option<Endpoint> {
        let agent = self.agent.as_ref().filter(|agent| agent.helper.is_some())?;
        match job.clone() {
            Endpoint::Exec { task, instance, .. } => {
                let container = Some(AgentSetup::HELPER.to_owned());
                Some(Endpoint::Exec { task, instance, container })
            }
            by_ssh => by_ssh.on_port(agent.helper_port()),
        }
    }

    fn service_check(&self, service: &TaskService) -> Option<ExecRequest> {
        self.agent.as_ref()?.service_check(service)
    }

    fn pace(&self) -> Pace {
        Pace::remote()
    }
}

pub(super) fn config(settings: &Settings) -> Result<EksConfig> {
    let needed = |key: &str| settings.owned(key).unwrap_or_default();
    let namespace = needed(keys::EKS_NAMESPACE);
    let mut config = EksConfig::new(access(settings)?, namespace, String::new());
    // Not empty but none where every job has to bring its own.
    config.image = settings.owned(keys::EKS_DEFAULT_IMAGE);
    config.service_account = settings.owned(keys::EKS_SERVICE_ACCOUNT);
    config.labels = settings.text_map(keys::EKS_LABELS);
    config.annotations = settings.text_map(keys::EKS_ANNOTATIONS);
    config.cpu = settings.owned(keys::EKS_CPU);
    config.memory = settings.owned(keys::EKS_MEMORY);
    config.ephemeral_storage = settings.owned(keys::EKS_EPHEMERAL_STORAGE);
    config.image_pull_secrets = settings.texts(keys::EKS_IMAGE_PULL_SECRETS).to_vec();
    config.node_selector = settings.text_map(keys::EKS_NODE_SELECTOR);
    config.tolerations =
        settings.tolerations(keys::EKS_TOLERATIONS).iter().map(toleration).collect();
    config.priority_class = settings.owned(keys::EKS_PRIORITY_CLASS);
    config.deadline = settings
        .number(keys::EKS_DEADLINE_SECONDS)
        .and_then(|seconds| u64::try_from(seconds).ok())
        .map(Duration::from_secs);
    config.pod_template = settings.path(keys::EKS_POD_TEMPLATE);
    config.connect = connect(settings);
    config.agent = super::agent(settings)?;
    set_start(settings, &mut config.ssh_user, &mut config.ssh_port, &mut config.launch_timeout);
    config.check()?;
    Ok(config)
}

/// The way into a pod.
pub(super) fn way_in(settings: &Settings, config: &EksConfig) -> WayIn {
    let ssh = || WayIn::ssh(settings).proving(config.agent.is_some());
    match config.connect {
        Connect::Exec => WayIn::PodExec(PodExec::new(config.clone())),
        Connect::PortForward => ssh().through(Arc::new(PodPorts::new(config.clone()))),
        _ => ssh(),
    }
}

fn connect(settings: &Settings) -> Connect {
    match settings.text(keys::EKS_CONNECT) {
        Some("port-forward") => Connect::PortForward,
        Some("exec") => Connect::Exec,
        _ => Connect::Ssh,
    }
}

fn toleration(one: &crate::config::Toleration) -> Toleration {
    let mut toleration = Toleration::new(&one.key);
    toleration.value.clone_from(&one.value);
    toleration.effect.clone_from(&one.effect);
    toleration
}

/// One of the three ways to a cluster.
fn access(settings: &Settings) -> Result<ClusterAccess> {
    const WAYS: [&str; 3] = [keys::EKS_CLUSTER, keys::EKS_KUBECONFIG, keys::EKS_IN_CLUSTER];
    let chosen = |key: &str| settings.text(key).is_some() || settings.flag(key) == Some(true);
    let mut ways = WAYS.into_iter().filter(|key| chosen(key));
    if let (Some(one), Some(other)) = (ways.next(), ways.next()) {
        return Err(contradiction(settings, one, other));
    }
    if let Some(path) = settings.path(keys::EKS_KUBECONFIG) {
        let context = settings.owned(keys::EKS_CONTEXT);
        return Ok(ClusterAccess::Kubeconfig { path: Some(path), context });
    }
    if settings.flag(keys::EKS_IN_CLUSTER) == Some(true) {
        return Ok(ClusterAccess::InCluster);
    }
    Ok(ClusterAccess::Cluster {
        name: settings.owned(keys::EKS_CLUSTER).unwrap_or_default(),
        region: settings.owned(keys::EKS_REGION),
        endpoint_override: None,
        assume_role: assume_role(settings, keys::EKS_ASSUME_ROLE),
    })
}
