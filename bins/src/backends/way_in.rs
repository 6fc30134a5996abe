//! The way into a task.

use std::path::PathBuf;
use std::sync::Arc;

use fargate_backend_eks::PodExec;
use fargate_core::job::{Credential, SecretText};
use fargate_core::transport::Dial;
use fargate_core::{Error, ErrorKind, RemoteExec, Result};
use fargate_ssh_transport::{SshConfig, SshExec, SshKey, new_host_secret};

use crate::config::{Settings, keys};

/// How scripts come into a task.
#[derive(Debug)]
pub(super) enum WayIn {
    Ssh(Ssh),
    /// The cluster's API lets whoever may use it in.
    PodExec(PodExec),
}

/// SSH with a key per job, or with the operator's own.
#[derive(Debug)]
pub(super) struct Ssh {
    config: SshConfig,
    key_file: Option<PathBuf>,
    /// The way to SSH servers that TCP does not reach.
    dialer: Option<Arc<dyn Dial>>,
    /// Tasks run the agent, which proves its host key.
    proves: bool,
}

impl WayIn {
    pub(super) fn ssh(settings: &Settings) -> Self {
        let mut config = SshConfig::default();
        if let Some(timeout) = settings.duration(keys::SSH_CONNECT_TIMEOUT) {
            config.connect_timeout = timeout;
        }
        if let Some(interval) = settings.duration(keys::SSH_KEEP_ALIVE) {
            config.keepalive_interval = interval;
        }
        let key_file = settings.path(keys::SSH_PRIVATE_KEY);
        Self::Ssh(Ssh { config, key_file, dialer: None, proves: false })
    }

    /// The same with a secret per job that tasks prove their host keys with, where it is SSH and
    /// `agent` says that what answers is the agent. An `sshd` cannot prove its key; it is taken from
    /// whoever answers first.
    pub(super) fn proving(mut self, agent: bool) -> Self {
        if let Self::Ssh(ssh) = &mut self {
            ssh.proves = agent;
        }
        self
    }

    /// The same through `dialer`, where it is SSH.
    pub(super) fn through(mut self, dialer: Arc<dyn Dial>) -> Self {
        if let Self::Ssh(ssh) = &mut self {
            ssh.dialer = Some(dialer);
        }
        self
    }

    pub(super) fn new_credential(&self) -> Result<Credential> {
        match self {
            Self::Ssh(ssh) => ssh.new_credential(),
            Self::PodExec(_) => {
                Ok(Credential { public: String::new(), private: None, host_secret: None })
            }
        }
    }

    pub(super) fn exec(&self, credential: &Credential) -> Result<Arc<dyn RemoteExec>> {
        Ok(match self {
            Self::Ssh(ssh) => Arc::new(ssh.exec(credential)?),
            Self::PodExec(pods) => Arc::new(pods.clone()),
        })
    }
}

impl Ssh {
    fn new_credential(&self) -> Result<Credential> {
        let comment = "gitlab-job";
        let (key, private) = match &self.key_file {
            Some(_) => (self.own_key()?, None),
            None => {
                let key = SshKey::generate()?;
                let private = SecretText::new(key.private_pem()?);
                (key, Some(private))
            }
        };
        let host_secret = self.proves.then(new_host_secret);
        Ok(Credential { public: key.public_line(comment)?, private, host_secret })
    }

    fn exec(&self, credential: &Credential) -> Result<SshExec> {
        let key = match &credential.private {
            Some(private) => SshKey::from_private_pem(private.expose())?,
            None => self.own_key()?,
        };
        let mut exec = SshExec::new(self.config.clone(), key);
        if let Some(dialer) = &self.dialer {
            exec = exec.through(Arc::clone(dialer));
        }
        if let Some(secret) = &credential.host_secret {
            exec = exec.proving(secret.clone());
        }
        Ok(exec)
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
