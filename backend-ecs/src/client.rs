//! The AWS client: the settings' part in its configuration, and the region of a task.

use aws_config::Region;
use aws_sdk_ecs::Client;
use fargate_aws_access::AwsAccess;

use crate::config::EcsConfig;

/// What the settings lay over AWS's own configuration.
pub(crate) fn access(config: &EcsConfig) -> AwsAccess {
    let pace = &config.pace;
    let mut access = AwsAccess::new(pace.api_attempts, pace.api_first_pause, pace.api_timeout);
    access.region.clone_from(&config.region);
    access.endpoint_url.clone_from(&config.endpoint_url);
    access.assume_role.clone_from(&config.assume_role);
    access
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
    use aws_config::BehaviorVersion;

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
