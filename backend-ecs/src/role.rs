//! Taking the role of the settings.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use aws_config::sts::AssumeRoleProvider;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, future};
use tokio::time::timeout;

/// The credentials of a role; a failure names it.
#[derive(Debug)]
pub(crate) struct RoleProvider {
    arn: String,
    inner: AssumeRoleProvider,
    limit: Duration,
}

impl RoleProvider {
    /// Takes the role `arn` with `inner`, within `limit`.
    pub(crate) fn new(arn: &str, inner: AssumeRoleProvider, limit: Duration) -> Self {
        Self { arn: arn.to_owned(), inner, limit }
    }
}

impl ProvideCredentials for RoleProvider {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async move {
            timeout(self.limit, self.inner.provide_credentials())
                .await
                .unwrap_or_else(|_| Err(CredentialsError::provider_timed_out(self.limit)))
                .map_err(|source| {
                    CredentialsError::provider_error(RoleNotTaken { arn: self.arn.clone(), source })
                })
        })
    }
}

/// Why there are no credentials of a role.
#[derive(Debug)]
pub(crate) struct RoleNotTaken {
    pub(crate) arn: String,
    pub(crate) source: CredentialsError,
}

impl fmt::Display for RoleNotTaken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the role {} could not be taken", self.arn)
    }
}

impl StdError for RoleNotTaken {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&self.source)
    }
}
