//! The AWS clients: credentials, role, endpoint, retries and time limits.

use std::time::Duration;

use aws_config::identity::IdentityCache;
use aws_config::sts::AssumeRoleProvider;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_ecs::Client;
use aws_smithy_async::time::SystemTimeSource;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use fargate_core::{Error, ErrorKind, Result};

use crate::config::{AssumeRole, EcsConfig};
use crate::role::RoleProvider;

/// Reads the default chain: environment, profile, container or instance role.
pub(crate) async fn load(config: &EcsConfig) -> SdkConfig {
    let mut loader = aws_config::defaults(BehaviorVersion::latest());
    if let Some(region) = &config.region {
        loader = loader.region(Region::new(region.clone()));
    }
    loader.load().await
}

/// Lays the settings over what the environment gave.
pub(crate) async fn configure(sdk: SdkConfig, config: &EcsConfig) -> Result<SdkConfig> {
    let mut builder = sdk.into_builder();
    if let Some(region) = &config.region {
        builder.set_region(Region::new(region.clone()));
    }
    if let Some(url) = &config.endpoint_url {
        builder.set_endpoint_url(Some(url.clone()));
    }
    builder.set_retry_config(Some(
        RetryConfig::standard()
            .with_max_attempts(config.pace.api_attempts.max(1))
            .with_initial_backoff(config.pace.api_first_pause),
    ));
    // Without a limit a peer that accepts and stays silent holds the job for ever.
    builder.set_timeout_config(Some(
        TimeoutConfig::builder()
            .connect_timeout(config.pace.api_timeout / 3)
            .operation_attempt_timeout(config.pace.api_timeout)
            .build(),
    ));
    // Slow credentials must be told from a slow answer: before the attempt's own limit nothing
    // was sent.
    let credentials_limit = config.pace.api_timeout * 4 / 5;
    builder = builder.identity_cache(IdentityCache::lazy().load_timeout(credentials_limit).build());
    let mut sdk = builder.build();
    if sdk.time_source().is_none() {
        // A configuration built by hand may have none, and taking a role needs one.
        sdk = sdk.into_builder().time_source(SystemTimeSource::new()).build();
    }
    if sdk.region().is_none() {
        return Err(Error::new(ErrorKind::InvalidConfig, "set up AWS", "no region is known")
            .hint("set Region in [Fargate], or AWS_REGION"));
    }
    Ok(match &config.assume_role {
        // Within that limit, so that the role is named.
        Some(role) => assume(sdk, role, credentials_limit * 9 / 10).await,
        None => sdk,
    })
}

async fn assume(sdk: SdkConfig, role: &AssumeRole, limit: Duration) -> SdkConfig {
    let mut provider = AssumeRoleProvider::builder(&role.arn)
        .configure(&sdk)
        .session_name(role.session_name.as_deref().unwrap_or("fargate-driver"));
    if let Some(id) = &role.external_id {
        provider = provider.external_id(id);
    }
    if !role.session_tags.is_empty() {
        provider = provider.tags(role.session_tags.clone());
    }
    let provider = RoleProvider::new(&role.arn, provider.build().await, limit);
    let provider = SharedCredentialsProvider::new(provider);
    sdk.into_builder().credentials_provider(provider).build()
}

/// A client for `region`; the handle of a task may name another than the settings do now.
pub(crate) fn for_region(client: &Client, region: &str) -> Client {
    match client.config().region() {
        Some(own) if own.as_ref() != region && !region.is_empty() => Client::from_conf(
            client.config().to_builder().region(Region::new(region.to_owned())).build(),
        ),
        _ => client.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_asked_for_in_the_region_it_was_started_in() {
        let config = aws_sdk_ecs::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .build();
        let client = Client::from_conf(config);
        let region = |of: &Client| of.config().region().map(ToString::to_string);
        assert_eq!(region(&for_region(&client, "us-east-1")).as_deref(), Some("us-east-1"));
        assert_eq!(region(&for_region(&client, "eu-west-1")).as_deref(), Some("eu-west-1"));
    }
}
