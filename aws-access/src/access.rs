//! From settings to a configuration of the SDK.

use std::time::Duration;

use aws_config::identity::IdentityCache;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::time::SystemTimeSource;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use fargate_core::{Error, ErrorKind, Result};

use crate::assume_role::AssumeRole;
use crate::credentials::CredentialSource;
use crate::role::RoleProvider;

/// What a backend lays over AWS's own configuration.
///
/// Start from [`AwsAccess::new`] and set the public fields.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct AwsAccess {
    /// Region; `None` takes it from the environment, the profile or the instance.
    pub region: Option<String>,
    /// Another address for every AWS service. `None` takes `AWS_ENDPOINT_URL` and its relatives
    /// into account.
    pub endpoint_url: Option<String>,
    /// A role to take before any call.
    pub assume_role: Option<AssumeRole>,
    /// Attempts for one call, the first included.
    pub attempts: u32,
    /// First pause before a call that failed is made again; it grows, with jitter.
    pub first_pause: Duration,
    /// Longest time for one attempt of a call.
    pub timeout: Duration,
}

impl AwsAccess {
    /// AWS's own configuration, with these attempts, first pause and time limit of an attempt.
    #[must_use]
    pub fn new(attempts: u32, first_pause: Duration, timeout: Duration) -> Self {
        Self { region: None, endpoint_url: None, assume_role: None, attempts, first_pause, timeout }
    }

    /// The configuration: these settings over `given`, or else over AWS's default chain
    /// (environment, profile, container or instance role).
    ///
    /// Nothing is sent to AWS; the role is taken when the first call needs it. Without a region in
    /// the settings, the environment or the profile, the instance metadata service is asked for
    /// it.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidConfig`] when no region is known.
    ///
    /// # Cancel safety
    /// Cancel-safe.
    pub async fn open(&self, given: Option<SdkConfig>) -> Result<SdkConfig> {
        let sdk = match given {
            Some(sdk) => sdk,
            None => self.load().await,
        };
        let sdk = self.laid_over(sdk);
        if sdk.region().is_none() {
            return Err(Error::new(ErrorKind::InvalidConfig, "set up AWS", "no region is known")
                .hint("set Region, or AWS_REGION"));
        }
        Ok(match &self.assume_role {
            Some(role) => self.assume(sdk, role).await,
            None => sdk,
        })
    }

    /// The credentials of `sdk`, for requests that are signed by hand.
    #[must_use]
    pub fn credentials(&self, sdk: &SdkConfig) -> CredentialSource {
        CredentialSource::new(sdk.credentials_provider(), self.credentials_limit())
    }

    async fn load(&self) -> SdkConfig {
        let mut loader = aws_config::defaults(BehaviorVersion::latest());
        if let Some(region) = &self.region {
            loader = loader.region(Region::new(region.clone()));
        }
        loader.load().await
    }

    fn laid_over(&self, sdk: SdkConfig) -> SdkConfig {
        let mut builder = sdk.into_builder();
        if let Some(region) = &self.region {
            builder.set_region(Region::new(region.clone()));
        }
        if let Some(url) = &self.endpoint_url {
            builder.set_endpoint_url(Some(url.clone()));
        }
        builder.set_retry_config(Some(
            RetryConfig::standard()
                .with_max_attempts(self.attempts.max(1))
                .with_initial_backoff(self.first_pause),
        ));
        // Without a limit a peer that accepts and stays silent holds the job for ever.
        builder.set_timeout_config(Some(
            TimeoutConfig::builder()
                .connect_timeout(self.timeout / 3)
                .operation_attempt_timeout(self.timeout)
                .build(),
        ));
        let limit = self.credentials_limit();
        builder = builder.identity_cache(IdentityCache::lazy().load_timeout(limit).build());
        let sdk = builder.build();
        if sdk.time_source().is_some() {
            return sdk;
        }
        // A configuration built by hand may have none, and taking a role needs one.
        sdk.into_builder().time_source(SystemTimeSource::new()).build()
    }

    async fn assume(&self, sdk: SdkConfig, role: &AssumeRole) -> SdkConfig {
        // Within the credentials' limit, so that the role is named.
        let limit = self.credentials_limit() * 9 / 10;
        let provider = SharedCredentialsProvider::new(RoleProvider::new(role, &sdk, limit).await);
        sdk.into_builder().credentials_provider(provider).build()
    }

    /// Slow credentials must be told from a slow answer: before the attempt's own limit nothing
    /// was sent.
    fn credentials_limit(&self) -> Duration {
        self.timeout * 4 / 5
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access() -> AwsAccess {
        AwsAccess::new(0, Duration::from_millis(5), Duration::from_secs(9))
    }

    #[tokio::test]
    async fn the_settings_go_before_what_was_given() {
        let given = SdkConfig::builder()
            .region(Region::new("eu-west-1"))
            .endpoint_url("http://given")
            .build();
        let sdk = access().open(Some(given.clone())).await.unwrap();
        assert_eq!(sdk.region().map(Region::as_ref), Some("eu-west-1"));
        assert_eq!(sdk.endpoint_url(), Some("http://given"));
        assert_eq!(sdk.retry_config().map(RetryConfig::max_attempts), Some(1), "never none");
        let limits = sdk.timeout_config().unwrap();
        assert_eq!(limits.operation_attempt_timeout(), Some(Duration::from_secs(9)));
        assert!(sdk.time_source().is_some());

        let mut access = access();
        access.region = Some("us-east-1".to_owned());
        access.endpoint_url = Some("http://set".to_owned());
        let sdk = access.open(Some(given)).await.unwrap();
        assert_eq!(sdk.region().map(Region::as_ref), Some("us-east-1"));
        assert_eq!(sdk.endpoint_url(), Some("http://set"));
    }

    #[tokio::test]
    async fn without_a_region_there_is_no_configuration() {
        let error = access().open(Some(SdkConfig::builder().build())).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
        assert!(error.advice().is_some_and(|hint| hint.contains("AWS_REGION")));
    }
}
