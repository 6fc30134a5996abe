//! Credentials for requests that are signed by hand.

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use fargate_core::Result;
use tokio::time::timeout;

use crate::trouble;

/// Where the credentials come from; made by [`AwsAccess::credentials`](crate::AwsAccess::credentials).
#[derive(Debug, Clone)]
pub struct CredentialSource {
    provider: Option<SharedCredentialsProvider>,
    limit: Duration,
}

impl CredentialSource {
    /// Asks `provider`, for `limit` at most. Without one there are no credentials.
    #[must_use]
    pub fn new(provider: Option<SharedCredentialsProvider>, limit: Duration) -> Self {
        Self { provider, limit }
    }

    /// Credentials to do `op` with. They are not kept: whoever asks often keeps them.
    ///
    /// # Errors
    /// As trouble with the credentials of any call: [`Unauthenticated`] where there are none,
    /// [`PermissionDenied`] for a role that may not be taken, [`InvalidConfig`] for one that cannot
    /// be, [`Untrusted`], [`ConnectFailed`], [`Throttled`] or [`Unavailable`] for whoever hands them
    /// out.
    ///
    /// # Cancel safety
    /// Cancel-safe.
    ///
    /// [`Unauthenticated`]: fargate_core::ErrorKind::Unauthenticated
    /// [`PermissionDenied`]: fargate_core::ErrorKind::PermissionDenied
    /// [`InvalidConfig`]: fargate_core::ErrorKind::InvalidConfig
    /// [`Untrusted`]: fargate_core::ErrorKind::Untrusted
    /// [`ConnectFailed`]: fargate_core::ErrorKind::ConnectFailed
    /// [`Throttled`]: fargate_core::ErrorKind::Throttled
    /// [`Unavailable`]: fargate_core::ErrorKind::Unavailable
    pub async fn get(&self, op: &'static str) -> Result<Credentials> {
        let answer = match &self.provider {
            Some(provider) => timeout(self.limit, provider.provide_credentials())
                .await
                .unwrap_or_else(|_| Err(CredentialsError::provider_timed_out(self.limit))),
            None => Err(CredentialsError::not_loaded("no provider is configured")),
        };
        answer.map_err(|error| trouble::of_provider(op, &error))
    }
}

#[cfg(test)]
mod tests {
    use aws_credential_types::provider::future;
    use fargate_core::ErrorKind;

    use super::*;

    /// Never answers.
    #[derive(Debug)]
    struct Silent;

    impl ProvideCredentials for Silent {
        fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            future::ProvideCredentials::new(std::future::pending())
        }
    }

    #[tokio::test]
    async fn credentials_that_do_not_come_are_told_in_time() {
        let provider = SharedCredentialsProvider::new(Silent);
        let source = CredentialSource::new(Some(provider), Duration::from_millis(1));
        let error = source.get("sign").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert_eq!(error.op(), "sign");
    }

    #[tokio::test]
    async fn without_a_provider_there_are_none() {
        let source = CredentialSource::new(None, Duration::from_secs(60));
        let error = source.get("sign").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unauthenticated);
        assert!(error.advice().is_some_and(|hint| hint.contains("instance role")));
    }
}
