//! What the double is made of.

use std::collections::BTreeMap;
use std::time::Duration;

use super::RateLimits;
use crate::container::ImageRoot;
use crate::host::TaskProgram;
use crate::sts::AssumableRole;

/// The world an [`EcsDouble`](super::EcsDouble) starts with.
#[derive(Debug, Clone)]
pub struct EcsOptions {
    /// The name of the one cluster. `RunTask` without a cluster means "default", as on AWS.
    pub cluster: String,
    /// The region of every ARN, and the only one whose signatures are accepted.
    pub region: String,
    /// Registered at start; a family named twice gets two revisions.
    pub task_definitions: Vec<TaskDefinition>,
    /// The subnets that exist.
    pub subnets: Vec<String>,
    /// The security groups that exist.
    pub security_groups: Vec<String>,
    /// What a task runs whose containers' images are all unknown.
    pub program: TaskProgram,
    /// The images that exist, by their whole names. A task of which any container has one of them
    /// runs its containers as its definition says, and an image that is not here cannot be
    /// pulled. It has a network of its own, where [`HOST_ADDRESS`](super::HOST_ADDRESS) is this
    /// machine, and none of the faults of a listening program.
    pub images: BTreeMap<String, ImageRoot>,
    /// The port tasks listen on. Not 22 by default: a machine may have an SSH server of its own.
    pub ssh_port: u16,
    /// How long a task stays in each state.
    pub state_delays: StateDelays,
    /// How long a stopped task's first process may take to end before it is killed.
    pub stop_timeout: Duration,
    /// `None`: nothing is throttled.
    pub rate_limits: Option<RateLimits>,
    /// Whether a task that asks for a public address gets one. It is a 127.x address too.
    pub public_ips: bool,
    /// Whether the cluster has a default capacity provider strategy (FARGATE). Without one a
    /// `RunTask` that names neither launch type nor strategy looks for EC2 instances.
    pub default_capacity_provider: bool,
    /// The capacity providers of the cluster.
    pub capacity_providers: Vec<String>,
    /// The roles STS hands out.
    pub roles: Vec<AssumableRole>,
}

impl Default for EcsOptions {
    fn default() -> Self {
        Self {
            cluster: "test-cluster".to_owned(),
            region: "eu-central-1".to_owned(),
            task_definitions: vec![
                TaskDefinition::new("test-task", &["ci-coordinator"]),
                TaskDefinition::new("sidecar-task", &["ci-coordinator", "sidecar"]),
                TaskDefinition::new("plain-task", &["app"]),
            ],
            subnets: vec![
                "subnet-0a1b2c3d4e5f60001".to_owned(),
                "subnet-0a1b2c3d4e5f60002".to_owned(),
                "subnet-0a1b2c3d4e5f60003".to_owned(),
            ],
            security_groups: vec![
                "sg-0a1b2c3d4e5f60001".to_owned(),
                "sg-0a1b2c3d4e5f60002".to_owned(),
            ],
            program: TaskProgram::Sshd,
            images: BTreeMap::new(),
            ssh_port: 2222,
            state_delays: StateDelays::default(),
            stop_timeout: Duration::from_secs(2),
            rate_limits: None,
            public_ips: true,
            default_capacity_provider: true,
            capacity_providers: vec!["FARGATE".to_owned(), "FARGATE_SPOT".to_owned()],
            roles: vec![AssumableRole::default()],
        }
    }
}

/// A task definition to start with. It has a task role, 256 CPU units and 512 MiB.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskDefinition {
    /// The family; the first of a family is revision 1.
    pub family: String,
    /// The containers, all essential.
    pub containers: Vec<String>,
    /// Where all of them log, as a group of CloudWatch Logs. `None`: nowhere.
    pub log_group: Option<String>,
}

impl TaskDefinition {
    /// A definition of `family` with these containers.
    #[must_use]
    pub fn new(family: &str, containers: &[&str]) -> Self {
        Self {
            family: family.to_owned(),
            containers: containers.iter().map(|&name| name.to_owned()).collect(),
            log_group: None,
        }
    }

    /// Lets all of its containers log to this group of CloudWatch Logs.
    #[must_use]
    pub fn logging_to(self, group: &str) -> Self {
        Self { log_group: Some(group.to_owned()), ..self }
    }
}

/// How long a task stays in each state on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StateDelays {
    /// In PROVISIONING: the network interface is made.
    pub provisioning: Duration,
    /// In PENDING: the address is known, the image is pulled.
    pub pending: Duration,
    /// In ACTIVATING: the program starts.
    pub activating: Duration,
    /// In DEPROVISIONING: the processes are gone, the network interface is taken away.
    pub deprovisioning: Duration,
}

impl Default for StateDelays {
    fn default() -> Self {
        Self {
            provisioning: Duration::from_millis(20),
            pending: Duration::from_millis(40),
            activating: Duration::from_millis(40),
            deprovisioning: Duration::from_millis(10),
        }
    }
}
