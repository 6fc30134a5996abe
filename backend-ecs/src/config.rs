//! What an operator can set.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use fargate_aws_access::AssumeRole;
use fargate_core::{AgentSetup, Error, ErrorKind, Result};

/// Where and how tasks run.
///
/// Start from [`EcsConfig::new`] and set the public fields.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct EcsConfig {
    /// Name or ARN of the cluster.
    pub cluster: String,
    /// Family, `family:revision` or ARN.
    pub task_definition: String,
    /// Region; `None` takes it from the environment, the profile or the instance.
    pub region: Option<String>,
    /// Subnets in order of preference, at least one. Several availability zones give a launch
    /// more places to try.
    pub subnets: Vec<String>,
    /// Security groups of the task; empty takes the VPC's default group.
    pub security_groups: Vec<String>,
    /// Fargate platform version; empty or `None` leaves it to AWS (LATEST).
    pub platform_version: Option<String>,
    /// Gives the task a public address.
    pub assign_public_ip: bool,
    /// Connects to the public address. `None` follows [`assign_public_ip`](Self::assign_public_ip).
    pub use_public_ip: Option<bool>,
    /// Allows `aws ecs execute-command` into the task.
    pub enable_execute_command: bool,
    /// Such as `FARGATE`. `None` together with no capacity providers keeps the cluster's default
    /// strategy. Excludes [`capacity_providers`](Self::capacity_providers).
    pub launch_type: Option<String>,
    /// Capacity providers. They are first sent together as the strategy; when there is no room,
    /// each is tried alone in this order (Spot with on-demand fallback).
    pub capacity_providers: Vec<CapacityProvider>,
    /// Tags for every task.
    pub tags: BTreeMap<String, String>,
    /// `TASK_DEFINITION` copies the tags of the task definition; `NONE` or `None` does not.
    pub propagate_tags: Option<String>,
    /// Adds the tags AWS manages itself (cluster name).
    pub enable_ecs_managed_tags: bool,
    /// CPU of the task instead of the task definition's, such as `1024` or `1 vCPU`.
    pub cpu: Option<String>,
    /// Memory of the task instead of the task definition's, such as `2048` or `2 GB`.
    pub memory: Option<String>,
    /// Ephemeral storage in GiB, 21 to 200.
    pub ephemeral_storage_gib: Option<i32>,
    /// ARN of the role the job's own AWS calls use, instead of the task definition's.
    pub task_role: Option<String>,
    /// ARN of the role that pulls the image and writes logs, instead of the task definition's.
    pub execution_role: Option<String>,
    /// A role to take before any call.
    pub assume_role: Option<AssumeRole>,
    /// Name of the container that runs the SSH server.
    pub container: String,
    /// Puts an agent into every task, so that any image serves. `None` runs the task definition
    /// as it is, whatever image a task asks for.
    pub agent: Option<AgentSetup>,
    /// Where this machine remembers which task definitions are registered, made with mode 0700
    /// where it is missing; needed with an [`agent`](Self::agent). All processes on it should share
    /// one; several configurations may. It holds the text of base definitions, which may hold
    /// secrets, so what it keeps is readable by its owner only.
    pub cache_directory: PathBuf,
    /// Login name.
    pub ssh_user: String,
    /// TCP port of the SSH server; with an [`agent`](Self::agent) its port is used instead.
    pub ssh_port: u16,
    /// Another address for every AWS service, such as a test double. `None` takes
    /// `AWS_ENDPOINT_URL` and its relatives into account.
    pub endpoint_url: Option<String>,
    /// How long a launch is retried while there is no room or the service is in trouble. Each
    /// place is tried at least once.
    pub launch_timeout: Duration,
    /// Pauses and attempts; the default suits AWS.
    pub pace: EcsPace,
}

impl EcsConfig {
    /// A configuration with AWS's defaults: the cluster's capacity, private addresses, container
    /// `ci-coordinator`, `root` on port 22, ten minutes for a launch.
    pub fn new(cluster: impl Into<String>, task_definition: impl Into<String>) -> Self {
        Self {
            cluster: cluster.into(),
            task_definition: task_definition.into(),
            region: None,
            subnets: Vec::new(),
            security_groups: Vec::new(),
            platform_version: None,
            assign_public_ip: false,
            use_public_ip: None,
            enable_execute_command: false,
            launch_type: None,
            capacity_providers: Vec::new(),
            tags: BTreeMap::new(),
            propagate_tags: None,
            enable_ecs_managed_tags: false,
            cpu: None,
            memory: None,
            ephemeral_storage_gib: None,
            task_role: None,
            execution_role: None,
            assume_role: None,
            container: "ci-coordinator".to_owned(),
            agent: None,
            cache_directory: PathBuf::new(),
            ssh_user: "root".to_owned(),
            ssh_port: 22,
            endpoint_url: None,
            launch_timeout: Duration::from_secs(600),
            pace: EcsPace::default(),
        }
    }

    /// Whether the endpoint is the public address.
    pub(crate) fn public(&self) -> bool {
        self.use_public_ip.unwrap_or(self.assign_public_ip)
    }

    /// The TCP port of a task's SSH server.
    pub(crate) fn port(&self) -> u16 {
        self.agent.as_ref().map_or(self.ssh_port, |agent| agent.port)
    }

    /// Finds what AWS would refuse only later, or in words that do not name the setting.
    ///
    /// Sends nothing. [`EcsLauncher::connect`](crate::EcsLauncher::connect) checks too; a program
    /// that reads settings long before it launches can call this at once.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidConfig`]: a setting is missing, or cannot work, or contradicts another.
    pub fn check(&self) -> Result<()> {
        for (name, value) in [
            ("Cluster", &self.cluster),
            ("TaskDefinition", &self.task_definition),
            ("container", &self.container),
            ("Username", &self.ssh_user),
        ] {
            if value.trim().is_empty() {
                return Err(wrong(format!("{name} is empty"), format!("set {name}")));
            }
        }
        if self.subnets.is_empty() || self.subnets.iter().any(|subnet| subnet.trim().is_empty()) {
            return Err(wrong(
                "Subnet is missing: a Fargate task needs at least one",
                "set Subnet in [Fargate]",
            ));
        }
        if self.launch_type.as_deref().is_some_and(|name| name.eq_ignore_ascii_case("EXTERNAL")) {
            return Err(wrong(
                "LaunchType EXTERNAL cannot work: a task on an external instance has no network \
                 interface of its own, so there is no address to connect to",
                "use FARGATE, or leave LaunchType out",
            ));
        }
        if self.launch_type.is_some() && !self.capacity_providers.is_empty() {
            return Err(wrong(
                "LaunchType and CapacityProviders exclude each other",
                "keep one of the two",
            ));
        }
        if !self.capacity_providers.is_empty()
            && self.capacity_providers.iter().all(|provider| provider.weight == 0)
        {
            return Err(wrong(
                "every capacity provider has weight 0, so none could be used",
                "give at least one a weight of 1 or more",
            ));
        }
        match self.propagate_tags.as_deref() {
            None | Some("TASK_DEFINITION" | "NONE") => {}
            Some(other) => {
                return Err(wrong(
                    format!("PropagateTags {other:?} is unknown"),
                    "use TASK_DEFINITION or NONE",
                ));
            }
        }
        if self.public() && !self.assign_public_ip {
            return Err(wrong(
                "UsePublicIP is set but the task gets no public address",
                "set EnablePublicIP = true, or UsePublicIP = false",
            ));
        }
        let Some(agent) = &self.agent else { return Ok(()) };
        if self.cache_directory.as_os_str().is_empty() {
            return Err(wrong("the cache directory is empty", "name a directory"));
        }
        agent.check()
    }
}

fn wrong(message: impl Into<String>, hint: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidConfig, "check ECS settings", message).hint(hint)
}

/// One entry of a capacity provider strategy.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CapacityProvider {
    /// `FARGATE`, `FARGATE_SPOT` or the name of a provider of the cluster.
    pub name: String,
    /// Its share of the tasks beyond every base.
    pub weight: i32,
    /// How many tasks go to it first; only one entry may have a base.
    pub base: i32,
}

impl CapacityProvider {
    /// An entry with weight 1 and no base.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), weight: 1, base: 0 }
    }

    /// Sets the weight.
    #[must_use]
    pub fn weight(mut self, weight: i32) -> Self {
        self.weight = weight;
        self
    }

    /// Sets the base.
    #[must_use]
    pub fn base(mut self, base: i32) -> Self {
        self.base = base;
        self
    }
}

/// Pauses, attempts and patience.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EcsPace {
    /// Attempts of the SDK for one call, the first included. Starting a task is one attempt for
    /// the SDK: the launch repeats it itself, to know what became of each.
    pub api_attempts: u32,
    /// First pause before a call that failed is made again; it grows, with jitter.
    pub api_first_pause: Duration,
    /// Longest time for one attempt of a call.
    pub api_timeout: Duration,
    /// How long a launch bears an API that cannot be reached at all.
    pub api_patience: Duration,
    /// First pause after every place was tried without success.
    pub first_pause: Duration,
    /// Longest such pause.
    pub max_pause: Duration,
    /// How long a new task may be invisible: ECS reads are eventually consistent.
    pub invisible: Duration,
    /// How long a launch waits for another one on this machine that registers a task definition,
    /// before it registers its own all the same.
    pub lock_patience: Duration,
}

impl Default for EcsPace {
    fn default() -> Self {
        Self {
            // Half a minute in all for a silent API: whoever calls goes on patiently, and can
            // tell meanwhile what is wrong.
            api_attempts: 3,
            api_first_pause: Duration::from_millis(500),
            api_timeout: Duration::from_secs(10),
            api_patience: Duration::from_secs(60),
            first_pause: Duration::from_secs(2),
            max_pause: Duration::from_secs(30),
            invisible: Duration::from_secs(60),
            lock_patience: Duration::from_secs(30),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> EcsConfig {
        let mut config = EcsConfig::new("ci", "task");
        config.subnets = vec!["subnet-1".to_owned()];
        config
    }

    #[test]
    fn contradictions_are_named() {
        type Break = fn(&mut EcsConfig);
        let table: [(&str, Break); 11] = [
            ("Cluster", |c| c.cluster.clear()),
            ("TaskDefinition", |c| c.task_definition = " ".to_owned()),
            ("Subnet", |c| c.subnets.clear()),
            ("Subnet", |c| c.subnets.push(String::new())),
            ("exclude each other", |c| {
                c.launch_type = Some("FARGATE".to_owned());
                c.capacity_providers = vec![CapacityProvider::new("FARGATE")];
            }),
            ("EXTERNAL", |c| c.launch_type = Some("EXTERNAL".to_owned())),
            ("weight 0", |c| c.capacity_providers = vec![CapacityProvider::new("F").weight(0)]),
            ("PropagateTags", |c| c.propagate_tags = Some("SERVICE".to_owned())),
            ("UsePublicIP", |c| c.use_public_ip = Some(true)),
            ("AgentImage", |c| {
                c.agent = Some(AgentSetup::new(" "));
                c.cache_directory = PathBuf::from("/tmp");
            }),
            ("cache directory", |c| c.agent = Some(AgentSetup::new("agent:1"))),
        ];
        assert!(good().check().is_ok());
        for (word, break_it) in table {
            let mut config = good();
            break_it(&mut config);
            let error = config.check().expect_err(word);
            assert_eq!(error.kind(), ErrorKind::InvalidConfig);
            assert!(error.message().contains(word), "{error}");
        }
    }

    #[test]
    fn the_public_address_is_used_when_there_is_one_unless_told_otherwise() {
        let mut config = good();
        assert!(!config.public());
        config.assign_public_ip = true;
        assert!(config.public());
        config.use_public_ip = Some(false);
        assert!(!config.public());
        assert!(config.check().is_ok());
    }
}
