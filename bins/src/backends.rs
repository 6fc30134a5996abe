//! The only place that names concrete backends: settings in, a [`JobBackend`] out.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use fargate_backend_ecs::{AssumeRole, CapacityProvider, EcsConfig, EcsLauncher};
use fargate_backend_local::{LocalConfig, LocalLauncher};
use fargate_core::job::{Credential, JobBackend, SecretText};
use fargate_core::{Error, ErrorKind, Pace, RemoteExec, Result, TaskLauncher, async_trait};
use fargate_ssh_transport::{SshConfig, SshExec, SshKey};

use crate::config::{Settings, keys};
use crate::driver::local_directory;

/// The backend the settings choose.
///
/// # Errors
/// `InvalidConfig` when the settings contradict each other.
pub fn open(settings: &Settings) -> Result<Arc<dyn JobBackend>> {
    let way_in = WayIn::new(settings);
    Ok(if is_local(settings) {
        Arc::new(LocalBackend { config: local_config(settings)?, way_in })
    } else {
        Arc::new(EcsBackend { config: ecs_config(settings)?, way_in })
    })
}

/// Checks what can be checked without asking anybody: contradictions, and the key file.
///
/// # Errors
/// As [`open`], and `InvalidConfig` when `PrivateKeyPath` cannot be used.
pub fn check(settings: &Settings) -> Result<()> {
    open(settings)?.new_credential().map(drop)
}

/// What prepare is about to do, in one line.
#[must_use]
pub fn describe(settings: &Settings) -> String {
    if is_local(settings) {
        return "Starting a task on this machine".to_owned();
    }
    let text = |key| settings.text(key).unwrap_or("?");
    format!(
        "Starting task {} in ECS cluster {} ({})",
        text(keys::TASK_DEFINITION),
        text(keys::CLUSTER),
        text(keys::REGION)
    )
}

fn is_local(settings: &Settings) -> bool {
    settings.text(keys::BACKEND) == Some("local")
}

/// SSH with a key per job, or with the operator's own.
#[derive(Debug)]
struct WayIn {
    config: SshConfig,
    key_file: Option<PathBuf>,
}

impl WayIn {
    fn new(settings: &Settings) -> Self {
        let mut config = SshConfig::default();
        if let Some(timeout) = settings.duration(keys::SSH_CONNECT_TIMEOUT) {
            config.connect_timeout = timeout;
        }
        if let Some(interval) = settings.duration(keys::SSH_KEEP_ALIVE) {
            config.keepalive_interval = interval;
        }
        Self { config, key_file: settings.path(keys::SSH_PRIVATE_KEY) }
    }

    fn new_credential(&self) -> Result<Credential> {
        let comment = "gitlab-job";
        Ok(match &self.key_file {
            Some(_) => Credential { public: self.own_key()?.public_line(comment)?, private: None },
            None => {
                let key = SshKey::generate()?;
                let private = SecretText::new(key.private_pem()?);
                Credential { public: key.public_line(comment)?, private: Some(private) }
            }
        })
    }

    fn exec(&self, credential: &Credential) -> Result<Arc<dyn RemoteExec>> {
        let key = match &credential.private {
            Some(private) => SshKey::from_private_pem(private.expose())?,
            None => self.own_key()?,
        };
        Ok(Arc::new(SshExec::new(self.config.clone(), key)))
    }

    fn own_key(&self) -> Result<SshKey> {
        let path = self.key_file.as_ref().ok_or_else(|| {
            Error::new(
                ErrorKind::InvalidConfig,
                "read the private key",
                "the job was prepared with PrivateKeyPath, which is not set any more",
            )
        })?;
        let text = std::fs::read_to_string(path).map(zeroize::Zeroizing::new).map_err(|error| {
            Error::new(
                ErrorKind::InvalidConfig,
                "read the private key",
                format!("{}: {error}", path.display()),
            )
            .hint("[SSH] PrivateKeyPath must name a private key without a passphrase; leave it out to get a new key for every job")
        })?;
        SshKey::from_private_pem(&text)
            .map_err(|error| error.with("PrivateKeyPath", path.display().to_string()))
    }
}

#[derive(Debug)]
struct LocalBackend {
    config: LocalConfig,
    way_in: WayIn,
}

#[async_trait]
impl JobBackend for LocalBackend {
    async fn launcher(&self) -> Result<Arc<dyn TaskLauncher>> {
        Ok(Arc::new(LocalLauncher::new(self.config.clone())))
    }

    fn new_credential(&self) -> Result<Credential> {
        self.way_in.new_credential()
    }

    fn exec(&self, credential: &Credential) -> Result<Arc<dyn RemoteExec>> {
        self.way_in.exec(credential)
    }

    fn pace(&self) -> Pace {
        Pace::local()
    }
}

/// The driver itself is the agent: no second program needs to be installed.
fn local_config(settings: &Settings) -> Result<LocalConfig> {
    let this = std::env::current_exe().map_err(|error| {
        Error::new(ErrorKind::Unexpected, "find this program", error.to_string())
    })?;
    let agent: Vec<OsString> = vec![this.into(), "agent".into()];
    Ok(LocalConfig::new(local_directory(settings)?.join("tasks"), agent))
}

#[derive(Debug)]
struct EcsBackend {
    config: EcsConfig,
    way_in: WayIn,
}

#[async_trait]
impl JobBackend for EcsBackend {
    async fn launcher(&self) -> Result<Arc<dyn TaskLauncher>> {
        Ok(Arc::new(EcsLauncher::connect(self.config.clone()).await?))
    }

    fn new_credential(&self) -> Result<Credential> {
        self.way_in.new_credential()
    }

    fn exec(&self, credential: &Credential) -> Result<Arc<dyn RemoteExec>> {
        self.way_in.exec(credential)
    }

    fn pace(&self) -> Pace {
        Pace::remote()
    }
}

fn ecs_config(settings: &Settings) -> Result<EcsConfig> {
    let needed = |key: &str| settings.owned(key).unwrap_or_default();
    let mut config = EcsConfig::new(needed(keys::CLUSTER), needed(keys::TASK_DEFINITION));
    config.region = settings.owned(keys::REGION);
    config.subnets = one_or_many(settings, keys::SUBNET, keys::SUBNETS)?;
    config.security_groups = one_or_many(settings, keys::SECURITY_GROUP, keys::SECURITY_GROUPS)?;
    config.platform_version = settings.owned(keys::PLATFORM_VERSION);
    config.assign_public_ip = settings.flag(keys::ENABLE_PUBLIC_IP).unwrap_or(false);
    config.use_public_ip = settings.flag(keys::USE_PUBLIC_IP);
    config.enable_execute_command = settings.flag(keys::ENABLE_EXECUTE_COMMAND).unwrap_or(false);
    config.launch_type = settings.owned(keys::LAUNCH_TYPE);
    for provider in settings.providers(keys::CAPACITY_PROVIDERS) {
        let mut entry = CapacityProvider::new(&provider.name);
        entry.weight = provider.weight.unwrap_or(entry.weight);
        entry.base = provider.base.unwrap_or(entry.base);
        config.capacity_providers.push(entry);
    }
    if config.launch_type.is_some() && !config.capacity_providers.is_empty() {
        return Err(contradiction(settings, keys::LAUNCH_TYPE, keys::CAPACITY_PROVIDERS));
    }
    config.tags = settings.text_map(keys::TAGS);
    if settings.flag(keys::PROPAGATE_TAGS) == Some(true) {
        config.propagate_tags = Some("TASK_DEFINITION".to_owned());
    }
    config.cpu = settings.owned(keys::CPU);
    config.memory = settings.owned(keys::MEMORY);
    config.ephemeral_storage_gib =
        settings.number(keys::EPHEMERAL_STORAGE).and_then(|size| i32::try_from(size).ok());
    config.task_role = settings.owned(keys::TASK_ROLE);
    config.execution_role = settings.owned(keys::EXECUTION_ROLE);
    config.assume_role = settings.role(keys::ASSUME_ROLE).map(|role| {
        let mut assume = AssumeRole::new(&role.arn);
        assume.external_id.clone_from(&role.external_id);
        assume.session_name.clone_from(&role.session_name);
        assume
    });
    config.ssh_user = settings.owned(keys::SSH_USERNAME).unwrap_or(config.ssh_user);
    if let Some(port) = settings.number(keys::SSH_PORT).and_then(|port| u16::try_from(port).ok()) {
        config.ssh_port = port;
    }
    if let Some(timeout) = settings.duration(keys::START_TIMEOUT) {
        config.launch_timeout = timeout;
    }
    config.check()?;
    Ok(config)
}

fn one_or_many(settings: &Settings, one: &str, many: &str) -> Result<Vec<String>> {
    match (settings.owned(one), settings.texts(many)) {
        (Some(_), [_, ..]) => Err(contradiction(settings, one, many)),
        (Some(one), []) => Ok(vec![one]),
        (None, many) => Ok(many.to_vec()),
    }
}

fn contradiction(settings: &Settings, one: &str, other: &str) -> Error {
    let place = |key: &str| match settings.get(key) {
        Some((_, origin)) => format!("{key} ({origin})"),
        None => key.to_owned(),
    };
    Error::new(
        ErrorKind::InvalidConfig,
        "read the configuration",
        format!("{} and {} exclude each other", place(one), place(other)),
    )
    .hint("keep one of them")
}
