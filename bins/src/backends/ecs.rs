//! Tasks on ECS.

use std::sync::Arc;

use fargate_backend_ecs::{CapacityProvider, EcsConfig, EcsLauncher};
use fargate_core::{Endpoint, ExecRequest, Pace, Result, TaskLauncher, TaskService, async_trait};

use super::joined::Tasks;
use super::{assume_role, contradiction, set_start};
use crate::config::{Settings, keys};
use crate::driver::metadata_directory;

/// What prepare is about to do.
pub(super) fn describe(settings: &Settings, image: Option<&str>) -> String {
    let text = |key| settings.text(key).unwrap_or("?");
    let image = image.map(|image| format!(" with image {image}")).unwrap_or_default();
    format!(
        "Starting task {}{image} in ECS cluster {} ({})",
        text(keys::TASK_DEFINITION),
        text(keys::CLUSTER),
        text(keys::REGION)
    )
}

#[async_trait]
impl Tasks for EcsConfig {
    async fn launcher(&self) -> Result<Arc<dyn TaskLauncher>> {
        Ok(Arc::new(EcsLauncher::connect(self.clone()).await?))
    }

    fn helper(&self, job: &Endpoint) -> Option<Endpoint> {
        let agent = self.agent.as_ref().filter(|agent| agent.helper.is_some())?;
        job.clone().on_port(agent.helper_port())
    }

    fn service_check(&self, service: &TaskService) -> Option<ExecRequest> {
        self.agent.as_ref()?.service_check(service)
    }

    fn pace(&self) -> Pace {
        Pace::remote()
    }
}

pub(super) fn config(settings: &Settings) -> Result<EcsConfig> {
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
    config.assume_role = assume_role(settings, keys::ASSUME_ROLE);
    set_start(settings, &mut config.ssh_user, &mut config.ssh_port, &mut config.launch_timeout);
    config.agent = super::agent(settings)?;
    if config.agent.is_some() {
        config.cache_directory = metadata_directory(settings)?.join("definitions");
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
