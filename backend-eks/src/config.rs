//! What an operator can set.

mod check;
mod connect;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use fargate_aws_access::AssumeRole;
use fargate_core::AgentSetup;

pub use self::connect::Connect;

/// Where and how pods run.
///
/// Start from [`EksConfig::new`] and set the public fields.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct EksConfig {
    /// How to reach the cluster.
    pub access: ClusterAccess,
    /// Namespace of the pods; a Fargate profile must select it.
    pub namespace: String,
    /// Image of the container `ci-coordinator` for a task that brings none: it runs an SSH server
    /// for the key in the variable `SSH_PUBLIC_KEY`. [`TaskSpec::image`](fargate_core::TaskSpec)
    /// goes over it. `None`: every task must bring one, unless the template has one.
    pub image: Option<String>,
    /// Service account of the pod. Without one, neither here nor in the template, the job gets
    /// no token for the cluster's API.
    pub service_account: Option<String>,
    /// Labels for every pod; a Fargate profile may select by them.
    pub labels: BTreeMap<String, String>,
    /// Annotations for every pod.
    pub annotations: BTreeMap<String, String>,
    /// CPU of the container, such as `500m` or `2`; both request and limit.
    pub cpu: Option<String>,
    /// Memory of the container, such as `4Gi`; both request and limit. Fargate adds 256 MiB and
    /// rounds up: [`FargateSize`](crate::FargateSize).
    pub memory: Option<String>,
    /// Ephemeral storage of the container, such as `50Gi`; both request and limit. Fargate gives
    /// 20 GiB unless more is asked for, 175 GiB at most.
    pub ephemeral_storage: Option<String>,
    /// Names of the secrets the image is pulled with.
    pub image_pull_secrets: Vec<String>,
    /// Labels that a node must have. Fargate's own nodes come without labels of the operator's:
    /// for clusters that mix Fargate with other nodes.
    pub node_selector: BTreeMap<String, String>,
    /// Taints that the pod bears.
    pub tolerations: Vec<Toleration>,
    /// Priority class of the pod.
    pub priority_class: Option<String>,
    /// The longest a pod may live once it has its machine, to whole seconds: its
    /// `activeDeadlineSeconds`. Of this and the task's own deadline the earlier counts.
    pub deadline: Option<Duration>,
    /// A YAML file with a `Pod` that everything else here is laid over. If it has containers, one
    /// of them is `ci-coordinator`.
    pub pod_template: Option<PathBuf>,
    /// Puts an agent into every pod, so that any image serves. `None` runs images that have an SSH
    /// server of their own, or need none.
    pub agent: Option<AgentSetup>,
    /// How scripts reach the pod.
    pub connect: Connect,
    /// Login name.
    pub ssh_user: String,
    /// TCP port of the SSH server; with an [`agent`](Self::agent) its port is used instead.
    pub ssh_port: u16,
    /// How long the pod's processes have between TERM and KILL when somebody else than this
    /// program deletes it.
    pub termination_grace: Duration,
    /// How long a launch is retried while a quota is used up or the API is in trouble.
    pub launch_timeout: Duration,
    /// Pauses and attempts; the default suits EKS.
    pub pace: EksPace,
}

impl EksConfig {
    /// A configuration for pods of `image` in `namespace`, `root` on port 22, ten minutes for a
    /// launch, no deadline but the tasks' own, and no sizes: the smallest Fargate has.
    pub fn new(
        access: ClusterAccess,
        namespace: impl Into<String>,
        image: impl Into<String>,
    ) -> Self {
        Self {
            access,
            namespace: namespace.into(),
            image: Some(image.into()),
            service_account: None,
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
            cpu: None,
            memory: None,
            ephemeral_storage: None,
            image_pull_secrets: Vec::new(),
            node_selector: BTreeMap::new(),
            tolerations: Vec::new(),
            priority_class: None,
            deadline: None,
            agent: None,
            pod_template: None,
            connect: Connect::default(),
            ssh_user: "root".to_owned(),
            ssh_port: 22,
            termination_grace: Duration::from_secs(30),
            launch_timeout: Duration::from_secs(600),
            pace: EksPace::default(),
        }
    }

    /// The port that pods accept SSH on.
    pub(crate) fn port(&self) -> u16 {
        self.agent.as_ref().map_or(self.ssh_port, |agent| agent.port)
    }
}

/// How to reach the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClusterAccess {
    /// An EKS cluster by name. Address and certificate come from `eks:DescribeCluster`, and each
    /// request carries a short-lived token made from the AWS credentials.
    Cluster {
        /// Name of the cluster.
        name: String,
        /// Region; `None` takes it from the environment, the profile or the instance.
        region: Option<String>,
        /// Another address for the EKS service, such as a test double.
        endpoint_override: Option<String>,
        /// A role to take before any call.
        assume_role: Option<AssumeRole>,
    },
    /// A kubeconfig file.
    Kubeconfig {
        /// The file; `None` is `$KUBECONFIG` or `~/.kube/config`.
        path: Option<PathBuf>,
        /// The context; `None` is the file's current one.
        context: Option<String>,
    },
    /// The service account of the pod this program runs in.
    InCluster,
}

impl ClusterAccess {
    /// The EKS cluster `name` with everything else from the environment.
    pub fn cluster(name: impl Into<String>) -> Self {
        Self::Cluster {
            name: name.into(),
            region: None,
            endpoint_override: None,
            assume_role: None,
        }
    }

    /// The current context of the kubeconfig at `path`.
    pub fn kubeconfig(path: impl Into<PathBuf>) -> Self {
        Self::Kubeconfig { path: Some(path.into()), context: None }
    }
}

/// A taint that the pod bears.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Toleration {
    /// Key of the taint; empty bears every taint.
    pub key: String,
    /// Its value; `None` bears every value.
    pub value: Option<String>,
    /// `NoSchedule`, `PreferNoSchedule` or `NoExecute`; `None` bears all three.
    pub effect: Option<String>,
}

impl Toleration {
    /// Bears every value and effect of `key`.
    pub fn new(key: impl Into<String>) -> Self {
        Self { key: key.into(), value: None, effect: None }
    }

    /// Bears this value only.
    #[must_use]
    pub fn value(mut self, value: impl Into<String>) -> Self {
        self.value = Some(value.into());
        self
    }

    /// Bears this effect only.
    #[must_use]
    pub fn effect(mut self, effect: impl Into<String>) -> Self {
        self.effect = Some(effect.into());
        self
    }
}

/// Pauses, attempts and patience.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EksPace {
    /// Attempts for one call, the first included. Creating a pod is repeated until
    /// [`EksConfig::launch_timeout`] instead.
    pub api_attempts: u32,
    /// First pause before a call that failed is made again; it grows, with jitter. A server's
    /// own wish (`Retry-After`) goes on top.
    pub api_first_pause: Duration,
    /// Longest such pause, the server's wish included.
    pub max_pause: Duration,
    /// Longest time for one attempt of a call.
    pub api_timeout: Duration,
    /// How long one request that watches a pod goes on before the next takes over, in whole
    /// seconds. When this and [`api_timeout`](Self::api_timeout) have passed without an end, the
    /// connection is taken for dead.
    pub watch_timeout: Duration,
    /// How long an image that cannot be pulled may go without a reason before the pod counts as
    /// stopped. Before Kubernetes 1.32 it is in an event alone, which may be late or not the
    /// driver's to read, and the kubelet tries again by itself.
    pub explanation_patience: Duration,
    /// How long a launch bears an API that cannot be reached at all.
    pub api_patience: Duration,
    /// How long a WebSocket to a pod is asked for while the API is in trouble.
    pub connect_patience: Duration,
    /// After this much silence a script's session is asked for a sign of life. It is lost when a
    /// fourth question in a row would go unanswered.
    pub keepalive: Duration,
    /// First pause between two looks whether a deleted pod is gone; it grows.
    pub gone_pause: Duration,
    /// How long after its grace a deleted pod may still be there before the stop goes on without
    /// it.
    pub gone_patience: Duration,
}

impl Default for EksPace {
    fn default() -> Self {
        Self {
            // Half a minute in all for a silent API: whoever calls goes on patiently, and can
            // tell meanwhile what is wrong.
            api_attempts: 3,
            api_first_pause: Duration::from_millis(500),
            max_pause: Duration::from_secs(30),
            api_timeout: Duration::from_secs(10),
            // A network path that is dead without a word would otherwise cost minutes.
            watch_timeout: Duration::from_secs(60),
            // Time for the kubelet to try twice more, 10 and 30 seconds after the first failure.
            explanation_patience: Duration::from_secs(60),
            api_patience: Duration::from_secs(60),
            connect_patience: Duration::from_secs(30),
            keepalive: Duration::from_secs(15),
            gone_pause: Duration::from_millis(500),
            gone_patience: Duration::from_secs(30),
        }
    }
}
