//! The sizes and rights that a task brings.

use fargate_core::{Capacity, Error, ErrorKind, Result, TaskImage, TaskNeeds, TaskResources};
use serde_json::{Value, json};

use super::containers::{push, refused};
use crate::call::CREATE;
use crate::config::EksConfig;
use crate::size::FargateSize;

/// `config` with what the task is to have instead.
///
/// # Errors
/// `Unsupported` for Spot capacity; `InvalidConfig` for what [`EksConfig::check`] refuses.
pub(super) fn over(config: &EksConfig, resources: &TaskResources) -> Result<EksConfig> {
    let mut config = config.clone();
    if resources.capacity == Some(Capacity::Spot) {
        let what = "Fargate has no Spot capacity for pods";
        return Err(Error::new(ErrorKind::Unsupported, CREATE.op, what)
            .hint("let the job ask for on-demand capacity, or run it on ECS"));
    }
    if let Some(units) = resources.cpu {
        config.cpu = Some(format!("{}m", (u64::from(units) * 1000).div_ceil(1024)));
    }
    if let Some(mebibytes) = resources.memory {
        config.memory = Some(format!("{mebibytes}Mi"));
    }
    if let Some(gibibytes) = resources.ephemeral_storage {
        config.ephemeral_storage = Some(format!("{gibibytes}Gi"));
    }
    if let Some(role) = &resources.role {
        config.service_account = Some(role.clone());
    }
    if !resources.is_default() {
        config.check()?;
    }
    Ok(config)
}

/// Refuses a task that is too large together with what else is in its pod.
pub(super) fn check_size(pod: &Value, resources: &TaskResources) -> Result<()> {
    let sized = resources.cpu.is_some() || resources.memory.is_some();
    if !sized || FargateSize::of_pod(pod).is_some() {
        return Ok(());
    }
    let what = "Fargate has no size for what the pod's containers request together".to_owned();
    Err(refused(what, "lower the job's CPU or memory, or the requests in the pod template"))
}

/// Lets the cluster pull the images with the secrets they name.
pub(super) fn add_pull_secrets(pod: &mut Value, config: &EksConfig, needs: &TaskNeeds) {
    let agent = config.agent.iter();
    let images = agent.flat_map(|agent| [Some(&agent.image), agent.helper.as_ref()]);
    let images = images.chain([needs.image.as_ref()]).flatten();
    let services = needs.services.iter().map(|service| &service.image);
    for secret in images.chain(services).filter_map(|image: &TaskImage| image.pull_secret.as_ref())
    {
        let secret = json!({ "name": secret });
        let known = &mut pod["spec"]["imagePullSecrets"];
        if known.as_array().is_none_or(|known| !known.contains(&secret)) {
            push(known, secret);
        }
    }
}
