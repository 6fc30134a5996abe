//! Taking the role of the settings.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, future};
use tokio::time::timeout;

use crate::assume_role::AssumeRole;

/// The credentials of a role; a failure names it.
#[derive(Debug)]
pub(crate) struct RoleProvider {
    arn: String,
    inner: AssumeRoleProvider,
    limit: Duration,
}

impl RoleProvider {
    /// Takes `role` with the credentials and the address of STS in `sdk`, within `limit`.
    pub(crate) async fn new(role: &AssumeRole, sdk: &SdkConfig, limit: Duration) -> Self {
        let mut inner = AssumeRoleProvider::builder(&role.arn)
            .configure(sdk)
            .session_name(role.session_name.as_deref().unwrap_or("fargate-driver"));
        if let Some(id) = &role.external_id {
            inner = inner.external_id(id);
        }
        if !role.session_tags.is_empty() {
            inner = inner.tags(role.session_tags.clone());
        }
        Self { arn: role.arn.clone(), inner: inner.build().await, limit }
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
