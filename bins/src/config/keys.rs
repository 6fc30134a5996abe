//! The table of keys.

use super::policy::CAPACITIES;

/// What a key's value must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// One of these words, upper or lower case.
    Word(&'static [&'static str]),
    /// true or false.
    Flag,
    /// A TCP port. Below 1 means the default, as in the Go driver.
    Port,
    /// A whole number from the first to the second.
    Number(i64, i64),
    /// Text, or a whole number taken as text.
    TextOrNumber,
    /// Text such as "90s" or "10m".
    Duration,
    /// A list of texts.
    Texts,
    /// A table of texts.
    TextMap,
    /// A list of `{ Name, Weight, Base }`.
    Providers,
    /// A table `{ Arn, ExternalId, SessionName }`.
    Role,
    /// A list of `{ Key, Operator, Value, Effect }`.
    Tolerations,
    /// Text; "" is "none".
    TextOrNone,
    /// A list of these words, upper or lower case.
    Words(&'static [&'static str]),
    /// A list of `{ Images, Secret }`.
    RegistryCredentials,
    /// A list of [`Rule`](super::Rule)s.
    Rules,
}

/// One key.
#[derive(Debug)]
pub struct Key {
    /// Section and name, such as "Fargate.Cluster".
    pub path: &'static str,
    /// What its value must be.
    pub kind: Kind,
    /// The default, written as in TOML.
    pub default: Option<&'static str>,
}

/// What a backend cannot do without: one of these keys.
#[derive(Debug)]
pub struct Need {
    /// The value of `Backend`.
    pub backend: &'static str,
    /// One of them must be set.
    pub any_of: &'static [&'static str],
}

/// Every need of every backend.
pub const NEEDS: &[Need] = &[
    Need { backend: "ecs", any_of: &[CLUSTER] },
    Need { backend: "ecs", any_of: &[REGION] },
    Need { backend: "ecs", any_of: &[SUBNET, SUBNETS] },
    Need { backend: "ecs", any_of: &[SECURITY_GROUP, SECURITY_GROUPS] },
    Need { backend: "ecs", any_of: &[TASK_DEFINITION] },
    Need { backend: "ecs", any_of: &[METADATA_DIRECTORY] },
    Need { backend: "ecs", any_of: &[SSH_USERNAME] },
    Need { backend: "eks", any_of: &[EKS_CLUSTER, EKS_KUBECONFIG, EKS_IN_CLUSTER] },
    Need { backend: "eks", any_of: &[EKS_NAMESPACE] },
    Need { backend: "eks", any_of: &[EKS_DEFAULT_IMAGE, EKS_ALLOWED_IMAGES] },
    Need { backend: "eks", any_of: &[METADATA_DIRECTORY] },
];

macro_rules! keys {
    ($($name:ident = $path:literal, $kind:expr, $default:expr;)+) => {
        $(#[doc = concat!("`", $path, "`")] pub const $name: &str = $path;)+

        /// Every key, in the order `check-config` shows them.
        pub const KEYS: &[Key] = &[$(Key { path: $path, kind: $kind, default: $default }),+];
    };
}

keys! {
    BACKEND = "Backend", Kind::Word(&["ecs", "eks", "local"]), Some("\"ecs\"");
    SHELL = "Shell", Kind::Word(&["bash", "sh"]), None;
    LOG_LEVEL = "LogLevel", Kind::Word(
        &["trace", "debug", "info", "warn", "warning", "error", "fatal", "panic"]), Some("\"info\"");
    LOG_FORMAT = "LogFormat", Kind::Word(&["text", "text-simple", "json"]), Some("\"text\"");
    LOG_FILE = "LogFile", Kind::Text, None;
    CLUSTER = "Fargate.Cluster", Kind::Text, None;
    REGION = "Fargate.Region", Kind::Text, None;
    SUBNET = "Fargate.Subnet", Kind::Text, None;
    SUBNETS = "Fargate.Subnets", Kind::Texts, None;
    SECURITY_GROUP = "Fargate.SecurityGroup", Kind::Text, None;
    SECURITY_GROUPS = "Fargate.SecurityGroups", Kind::Texts, None;
    TASK_DEFINITION = "Fargate.TaskDefinition", Kind::Text, None;
    ALLOWED_TASK_DEFINITIONS = "Fargate.AllowedTaskDefinitions", Kind::Texts, None;
    AGENT_IMAGE = "Fargate.AgentImage", Kind::Text, None;
    AGENT_PORT = "Fargate.AgentPort", Kind::Port, Some("2222");
    MODE = "Fargate.Mode", Kind::Word(&["agent", "sshd"]), None;
    HELPER_IMAGE = "Fargate.HelperImage", Kind::TextOrNone, None;
    SERVICE_TIMEOUT = "Fargate.ServiceTimeout", Kind::Duration, Some("\"30s\"");
    SHARED_DIRECTORIES = "Fargate.SharedDirectories", Kind::Texts, Some("[\"/builds\", \"/cache\"]");
    ALLOWED_IMAGES = "Fargate.AllowedImages", Kind::Texts, None;
    ENABLE_PUBLIC_IP = "Fargate.EnablePublicIP", Kind::Flag, Some("false");
    USE_PUBLIC_IP = "Fargate.UsePublicIP", Kind::Flag, None;
    PLATFORM_VERSION = "Fargate.PlatformVersion", Kind::Text, None;
    ENABLE_EXECUTE_COMMAND = "Fargate.EnableExecuteCommand", Kind::Flag, Some("false");
    LAUNCH_TYPE = "Fargate.LaunchType", Kind::Word(&["FARGATE", "EC2"]), None;
    CAPACITY_PROVIDERS = "Fargate.CapacityProviders", Kind::Providers, None;
    TAGS = "Fargate.Tags", Kind::TextMap, None;
    PROPAGATE_TAGS = "Fargate.PropagateTags", Kind::Flag, Some("false");
    CPU = "Fargate.Cpu", Kind::TextOrNumber, None;
    MEMORY = "Fargate.Memory", Kind::TextOrNumber, None;
    EPHEMERAL_STORAGE = "Fargate.EphemeralStorageGiB", Kind::Number(21, 200), None;
    TASK_ROLE = "Fargate.TaskRole", Kind::Text, None;
    EXECUTION_ROLE = "Fargate.ExecutionRole", Kind::Text, None;
    ASSUME_ROLE = "Fargate.AssumeRole", Kind::Role, None;
    START_TIMEOUT = "Fargate.StartTimeout", Kind::Duration, Some("\"10m\"");
    EKS_CLUSTER = "EKS.Cluster", Kind::Text, None;
    EKS_REGION = "EKS.Region", Kind::Text, None;
    EKS_ASSUME_ROLE = "EKS.AssumeRole", Kind::Role, None;
    EKS_KUBECONFIG = "EKS.Kubeconfig", Kind::Text, None;
    EKS_CONTEXT = "EKS.Context", Kind::Text, None;
    EKS_IN_CLUSTER = "EKS.InCluster", Kind::Flag, None;
    EKS_NAMESPACE = "EKS.Namespace", Kind::Text, None;
    EKS_DEFAULT_IMAGE = "EKS.DefaultImage", Kind::Text, None;
    EKS_ALLOWED_IMAGES = "EKS.AllowedImages", Kind::Texts, None;
    EKS_AGENT_IMAGE = "EKS.AgentImage", Kind::Text, None;
    EKS_AGENT_PORT = "EKS.AgentPort", Kind::Port, Some("2222");
    EKS_HELPER_IMAGE = "EKS.HelperImage", Kind::TextOrNone, None;
    EKS_SERVICE_TIMEOUT = "EKS.ServiceTimeout", Kind::Duration, Some("\"30s\"");
    EKS_SHARED_DIRECTORIES = "EKS.SharedDirectories", Kind::Texts, Some("[\"/builds\", \"/cache\"]");
    EKS_CONNECT = "EKS.Connect", Kind::Word(&["ssh", "port-forward", "exec"]), Some("\"ssh\"");
    EKS_SERVICE_ACCOUNT = "EKS.ServiceAccount", Kind::Text, None;
    EKS_LABELS = "EKS.Labels", Kind::TextMap, None;
    EKS_ANNOTATIONS = "EKS.Annotations", Kind::TextMap, None;
    EKS_CPU = "EKS.CPU", Kind::TextOrNumber, None;
    EKS_MEMORY = "EKS.Memory", Kind::TextOrNumber, None;
    EKS_EPHEMERAL_STORAGE = "EKS.EphemeralStorage", Kind::TextOrNumber, None;
    EKS_IMAGE_PULL_SECRETS = "EKS.ImagePullSecrets", Kind::Texts, None;
    EKS_NODE_SELECTOR = "EKS.NodeSelector", Kind::TextMap, None;
    EKS_TOLERATIONS = "EKS.Tolerations", Kind::Tolerations, None;
    EKS_PRIORITY_CLASS = "EKS.PriorityClass", Kind::Text, None;
    EKS_DEADLINE_SECONDS = "EKS.DeadlineSeconds", Kind::Number(60, 2_147_483_647), None;
    EKS_POD_TEMPLATE = "EKS.PodTemplate", Kind::Text, None;
    ALLOWED_SERVICES = "Policy.AllowedServices", Kind::Texts, None;
    MAX_CPU = "Policy.MaxCPU", Kind::TextOrNumber, None;
    MAX_MEMORY = "Policy.MaxMemory", Kind::TextOrNumber, None;
    MAX_EPHEMERAL_STORAGE = "Policy.MaxEphemeralStorageGiB", Kind::Number(21, 200), None;
    ALLOWED_TASK_ROLES = "Policy.AllowedTaskRoles", Kind::Texts, None;
    ALLOWED_CAPACITY = "Policy.AllowedCapacity", Kind::Words(CAPACITIES), None;
    REGISTRY_CREDENTIALS = "Policy.RegistryCredentials", Kind::RegistryCredentials, None;
    POLICY_RULES = "Policy.Rules", Kind::Rules, None;
    METADATA_DIRECTORY = "TaskMetadata.Directory", Kind::Text, None;
    SSH_USERNAME = "SSH.Username", Kind::Text, None;
    SSH_PORT = "SSH.Port", Kind::Port, Some("22");
    SSH_PRIVATE_KEY = "SSH.PrivateKeyPath", Kind::Text, None;
    SSH_CONNECT_TIMEOUT = "SSH.ConnectTimeout", Kind::Duration, Some("\"10s\"");
    SSH_KEEP_ALIVE = "SSH.KeepAliveInterval", Kind::Duration, Some("\"15s\"");
    LOCAL_DIRECTORY = "Local.Directory", Kind::Text, None;
    LOCAL_IMAGES = "Local.Images", Kind::TextMap, None;
}
