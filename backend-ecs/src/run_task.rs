//! The RunTask request.

use aws_sdk_ecs::Client;
use aws_sdk_ecs::error::BuildError;
use aws_sdk_ecs::operation::run_task::builders::RunTaskFluentBuilder;
use aws_sdk_ecs::types::{
    AssignPublicIp, AwsVpcConfiguration, NetworkConfiguration, PropagateTags,
};
use fargate_core::{Error, ErrorKind, Result, TaskSpec};

use crate::config::EcsConfig;
use crate::error::RUN_TASK;
use crate::overrides::overrides;
use crate::placement::Place;
use crate::tags::tags_of;

/// One RunTask of `definition` for `spec` at `place` under the idempotency token `token`.
pub(crate) fn request(
    client: &Client,
    config: &EcsConfig,
    spec: &TaskSpec,
    definition: &str,
    place: &Place,
    token: &str,
    tagged: bool,
) -> Result<RunTaskFluentBuilder> {
    let request = client.run_task().task_definition(definition).overrides(overrides(config, spec)?);
    build(request, config, spec, place, token, tagged).map_err(|error| {
        Error::new(ErrorKind::InvalidConfig, RUN_TASK.op, "the request is incomplete").source(error)
    })
}

fn build(
    request: RunTaskFluentBuilder,
    config: &EcsConfig,
    spec: &TaskSpec,
    place: &Place,
    token: &str,
    tagged: bool,
) -> Result<RunTaskFluentBuilder, BuildError> {
    let request = request
        .cluster(&config.cluster)
        .count(1)
        .client_token(token)
        .started_by(spec.owner.as_str())
        .set_platform_version(config.platform_version.clone().filter(|text| !text.is_empty()))
        .set_enable_execute_command(config.enable_execute_command.then_some(true))
        .network_configuration(network(config, place)?);
    let mut request = place.provider.apply(request)?;
    // Any of these needs ecs:TagResource.
    if tagged {
        request = request
            .set_tags(Some(tags_of(spec, &config.tags)))
            .set_propagate_tags(config.propagate_tags.as_deref().map(PropagateTags::from))
            .set_enable_ecs_managed_tags(config.enable_ecs_managed_tags.then_some(true));
    }
    Ok(request)
}

fn network(config: &EcsConfig, place: &Place) -> Result<NetworkConfiguration, BuildError> {
    let assign =
        if config.assign_public_ip { AssignPublicIp::Enabled } else { AssignPublicIp::Disabled };
    let groups = (!config.security_groups.is_empty()).then(|| config.security_groups.clone());
    let vpc = AwsVpcConfiguration::builder()
        .set_subnets(Some(place.subnets.clone()))
        .set_security_groups(groups)
        .assign_public_ip(assign)
        .build()?;
    Ok(NetworkConfiguration::builder().awsvpc_configuration(vpc).build())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use aws_sdk_ecs::config::BehaviorVersion;
    use aws_sdk_ecs::operation::run_task::RunTaskInput;
    use fargate_core::TaskKey;

    use super::*;
    use crate::config::CapacityProvider;
    use crate::placement::places;

    fn built(config: &EcsConfig, tagged: bool) -> RunTaskInput {
        let sdk = aws_sdk_ecs::Config::builder().behavior_version(BehaviorVersion::latest());
        let client = Client::from_conf(sdk.build());
        let key = TaskKey::new("k").unwrap();
        let spec = TaskSpec::new(key, TaskKey::new("o").unwrap(), "ssh-ed25519 AAAA")
            .deadline(Duration::from_secs(60));
        let place = &places(config, &spec, &[])[0];
        request(&client, config, &spec, "task:1", place, "token", tagged)
            .unwrap()
            .as_input()
            .clone()
            .build()
            .unwrap()
    }

    fn config() -> EcsConfig {
        let mut config = EcsConfig::new("ci", "task:3");
        config.subnets = vec!["subnet-1".to_owned()];
        config
    }

    #[test]
    fn nothing_is_sent_that_is_not_configured() {
        let input = built(&config(), true);
        assert_eq!(input.count(), Some(1));
        assert_eq!(input.client_token(), Some("token"));
        assert_eq!(input.started_by(), Some("o"));
        assert_eq!(input.launch_type(), None);
        assert!(input.capacity_provider_strategy().is_empty());
        assert_eq!(input.platform_version(), None);
        assert_eq!(input.propagate_tags(), None);
        let overrides = input.overrides().unwrap();
        assert_eq!((overrides.cpu(), overrides.memory()), (None, None));
        let container = &overrides.container_overrides()[0];
        assert_eq!(container.name(), Some("ci-coordinator"));
        assert_eq!(container.environment().len(), 1);
        assert_eq!(container.environment()[0].name(), Some("SSH_PUBLIC_KEY"));
        assert_eq!(container.environment()[0].value(), Some("ssh-ed25519 AAAA"));
        let vpc = input.network_configuration().unwrap().awsvpc_configuration().unwrap();
        assert_eq!(vpc.assign_public_ip(), Some(&AssignPublicIp::Disabled));
        assert_eq!(vpc.subnets(), ["subnet-1"]);
    }

    #[test]
    fn everything_configured_is_sent() {
        let mut config = config();
        config.assign_public_ip = true;
        config.security_groups = vec!["sg-1".to_owned(), "sg-2".to_owned()];
        config.platform_version = Some("1.4.0".to_owned());
        config.enable_execute_command = true;
        config.capacity_providers = vec![CapacityProvider::new("FARGATE_SPOT").weight(3).base(1)];
        config.propagate_tags = Some("TASK_DEFINITION".to_owned());
        config.enable_ecs_managed_tags = true;
        config.cpu = Some("1024".to_owned());
        config.memory = Some("2048".to_owned());
        config.ephemeral_storage_gib = Some(50);
        config.task_role = Some("arn:t".to_owned());
        config.execution_role = Some("arn:e".to_owned());
        let input = built(&config, true);
        let vpc = input.network_configuration().unwrap().awsvpc_configuration().unwrap();
        assert_eq!(vpc.assign_public_ip(), Some(&AssignPublicIp::Enabled));
        assert_eq!(vpc.security_groups(), ["sg-1", "sg-2"]);
        assert_eq!(input.platform_version(), Some("1.4.0"));
        assert!(input.enable_execute_command().unwrap());
        let item = &input.capacity_provider_strategy()[0];
        assert_eq!((item.capacity_provider(), item.weight(), item.base()), ("FARGATE_SPOT", 3, 1));
        assert_eq!(input.propagate_tags(), Some(&PropagateTags::TaskDefinition));
        assert_eq!(input.enable_ecs_managed_tags(), Some(true));
        let overrides = input.overrides().unwrap();
        assert_eq!((overrides.cpu(), overrides.memory()), (Some("1024"), Some("2048")));
        assert_eq!(overrides.ephemeral_storage().unwrap().size_in_gib(), 50);
        assert_eq!(overrides.task_role_arn(), Some("arn:t"));
        assert_eq!(overrides.execution_role_arn(), Some("arn:e"));
    }

    #[test]
    fn without_the_right_to_tag_nothing_asks_for_it() {
        let mut config = config();
        config.propagate_tags = Some("TASK_DEFINITION".to_owned());
        config.enable_ecs_managed_tags = true;
        let input = built(&config, false);
        assert!(input.tags().is_empty());
        assert_eq!(input.propagate_tags(), None);
        assert_eq!(input.enable_ecs_managed_tags(), None);
    }
}
