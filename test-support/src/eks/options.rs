//! What the double is made of.

use std::collections::BTreeMap;
use std::time::Duration;

use super::StreamOptions;
use crate::container::ImageRoot;
use crate::host::TaskProgram;
use crate::sts::AssumableRole;

/// The world an [`EksDouble`](super::EksDouble) starts with.
#[derive(Debug, Clone)]
pub struct EksOptions {
    /// The name of the one cluster, for `DescribeCluster` and for tokens made from AWS keys.
    pub cluster: String,
    /// The region of every ARN, and the only one whose signatures are accepted.
    pub region: String,
    /// Whom the accepted token belongs to; named by denials.
    pub user: String,
    /// The namespaces that exist. The kubeconfig names the first one.
    pub namespaces: Vec<String>,
    /// The service accounts of every namespace.
    pub service_accounts: Vec<String>,
    /// The Fargate profiles. A pod that matches none is never scheduled.
    pub profiles: Vec<FargateProfile>,
    /// Whether the cluster's address is HTTPS.
    pub https: Https,
    /// What a pod runs whose containers' images are all unknown: the container that is given
    /// `SSH_PUBLIC_KEY`, or else its first one.
    pub program: TaskProgram,
    /// The images that exist, by their whole names. A pod of which any container has one of them
    /// runs its containers, and before them its `initContainers`, and an image that is not here
    /// cannot be pulled. It has a network of its own, where [`HOST_ADDRESS`](super::HOST_ADDRESS)
    /// is this machine, volumes that are all as `emptyDir`, and none of the faults of a listening
    /// program. What ends is not started again, whatever its `restartPolicy`.
    pub images: BTreeMap<String, ImageRoot>,
    /// The port pods listen on. Not 22 by default: a machine may have an SSH server of its own.
    pub ssh_port: u16,
    /// The roles STS hands out.
    pub roles: Vec<AssumableRole>,
    /// How long the credentials of a role are good; `None` is for ever.
    pub session: Option<Duration>,
    /// The ARNs of the users and roles that the cluster lets in with a token made from AWS keys;
    /// empty for everybody whom STS knows.
    pub access_entries: Vec<String>,
    /// How long a pod stays in each state.
    pub delays: PodDelays,
    /// The pause between two bookmarks of a watch that allows them.
    pub bookmarks: Duration,
    /// How commands in pods and forwarded ports behave.
    pub streams: StreamOptions,
}

impl Default for EksOptions {
    fn default() -> Self {
        let text = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        Self {
            cluster: "test-cluster".to_owned(),
            region: "eu-central-1".to_owned(),
            user: "ci".to_owned(),
            namespaces: text(&["ci", "default", "unmatched"]),
            service_accounts: text(&["default", "ci-runner"]),
            profiles: vec![FargateProfile::active(
                "ci-profile",
                &[ProfileSelector::namespace("ci"), ProfileSelector::namespace("default")],
            )],
            https: Https::Off,
            program: TaskProgram::Sshd,
            images: BTreeMap::new(),
            ssh_port: 2222,
            roles: vec![AssumableRole::default()],
            session: None,
            access_entries: Vec::new(),
            delays: PodDelays::default(),
            bookmarks: Duration::from_millis(100),
            streams: StreamOptions::default(),
        }
    }
}

/// How the Kubernetes API is reached. The EKS service and STS stay plain HTTP, on the same port.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Https {
    /// By plain HTTP.
    #[default]
    Off,
    /// By HTTPS, with a certificate of the authority that EKS and the kubeconfig name.
    On,
    /// By HTTPS, with a certificate of another authority.
    OtherAuthority,
    /// By HTTPS, with a certificate for another address.
    OtherName,
}

/// Which pods run on Fargate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FargateProfile {
    /// The name.
    pub name: String,
    /// A pod matches if it matches one of these.
    pub selectors: Vec<ProfileSelector>,
    /// `ACTIVE`, or else it takes no pods: `CREATING`, `DELETING`, `CREATE_FAILED`,
    /// `DELETE_FAILED`.
    pub status: String,
}

impl FargateProfile {
    /// A profile that takes pods.
    #[must_use]
    pub fn active(name: &str, selectors: &[ProfileSelector]) -> Self {
        let (name, status) = (name.to_owned(), "ACTIVE".to_owned());
        Self { name, selectors: selectors.to_vec(), status }
    }
}

/// A namespace and labels. `*` and `?` stand for any characters and any one character.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileSelector {
    /// The namespace.
    pub namespace: String,
    /// Every one of these labels must be there.
    pub labels: BTreeMap<String, String>,
}

impl ProfileSelector {
    /// Every pod of a namespace.
    #[must_use]
    pub fn namespace(name: &str) -> Self {
        Self { namespace: name.to_owned(), labels: BTreeMap::new() }
    }

    /// Only those that have this label too.
    #[must_use]
    pub fn label(mut self, name: &str, value: &str) -> Self {
        self.labels.insert(name.to_owned(), value.to_owned());
        self
    }
}

/// How long a pod stays in each state on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PodDelays {
    /// Pending without a node: Fargate makes one. 30 to 45 seconds on AWS.
    pub scheduling: Duration,
    /// Pending in ContainerCreating: the image is pulled.
    pub creating: Duration,
    /// The pause between two attempts to pull an image that cannot be pulled.
    pub pull_retry: Duration,
    /// The processes are gone, the pod is not yet.
    pub removal: Duration,
}

impl Default for PodDelays {
    fn default() -> Self {
        Self {
            scheduling: Duration::from_millis(40),
            creating: Duration::from_millis(40),
            pull_retry: Duration::from_millis(60),
            removal: Duration::from_millis(10),
        }
    }
}
