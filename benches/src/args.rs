//! How a client is told its server, on its command line.

use std::fs;
use std::io;
use std::path::PathBuf;

use fargate_core::Endpoint;
use fargate_ssh_transport::SshKey;

/// Private key file, port on 127.0.0.1, and the server's host key line.
#[derive(Debug, Clone)]
pub struct Login {
    /// An OpenSSH private key.
    pub key_file: PathBuf,
    /// On 127.0.0.1.
    pub port: u16,
    /// In OpenSSH's one-line form.
    pub host_key: String,
}

impl Login {
    /// The three arguments of a client.
    #[must_use]
    pub fn to_args(&self) -> [String; 3] {
        let key_file = self.key_file.display().to_string();
        [key_file, self.port.to_string(), self.host_key.clone()]
    }

    /// Takes the three arguments off `arguments`.
    ///
    /// # Errors
    /// When one is missing or malformed.
    pub fn from_args(arguments: &mut impl Iterator<Item = String>) -> io::Result<Self> {
        let mut next =
            |what| arguments.next().ok_or_else(|| io::Error::other(format!("no {what} given")));
        Ok(Self {
            key_file: next("key file")?.into(),
            port: next("port")?.parse().map_err(io::Error::other)?,
            host_key: next("host key")?,
        })
    }

    /// The key, read.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn key(&self) -> io::Result<SshKey> {
        SshKey::from_private_pem(&fs::read_to_string(&self.key_file)?).map_err(io::Error::other)
    }

    /// The server.
    #[must_use]
    pub fn endpoint(&self) -> Endpoint {
        Endpoint::Ssh {
            host: "127.0.0.1".into(),
            port: self.port,
            user: "root".into(),
            host_key: Some(self.host_key.clone()),
        }
    }

    /// The same server by way of another port.
    #[must_use]
    pub fn through(&self, port: u16) -> Self {
        Self { port, ..self.clone() }
    }
}
