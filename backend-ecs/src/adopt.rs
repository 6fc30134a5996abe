//! Finding tasks that are there already.

use aws_sdk_ecs::Client;
use aws_sdk_ecs::types::{Task, TaskField};
use fargate_aws_access::from_sdk;
use fargate_core::{Result, TaskSpec};

use crate::error::{DESCRIBE, LIST};
use crate::overrides::PUBLIC_KEY;
use crate::status::ending;
use crate::tags::key_of;

/// DescribeTasks takes up to 100 tasks a call.
const BATCH: usize = 100;

/// The tasks of `arns` that ECS shows; it leaves out those it does not know (MISSING).
pub(crate) async fn describe(client: &Client, cluster: &str, arns: &[String]) -> Result<Vec<Task>> {
    let mut tasks = Vec::with_capacity(arns.len());
    for batch in arns.chunks(BATCH) {
        let answer = client
            .describe_tasks()
            .cluster(cluster)
            .set_tasks(Some(batch.to_vec()))
            .include(TaskField::Tags)
            .send()
            .await
            .map_err(|error| from_sdk(DESCRIBE, &error))?;
        tasks.extend(answer.tasks.unwrap_or_default());
    }
    Ok(tasks)
}

/// The tasks `owner` started that are not over.
pub(crate) async fn owned(client: &Client, cluster: &str, owner: &str) -> Result<Vec<Task>> {
    let mut arns = Vec::new();
    // `startedBy` must be the only filter (API reference of ListTasks); RUNNING is the default.
    let mut pages = client.list_tasks().cluster(cluster).started_by(owner).into_paginator().send();
    while let Some(page) = pages.next().await {
        arns.extend(page.map_err(|error| from_sdk(LIST, &error))?.task_arns.unwrap_or_default());
    }
    let mut tasks = describe(client, cluster, &arns).await?;
    // Reads are eventually consistent: the list may be behind the description.
    tasks.retain(|task| !ending(task) && task.started_by() == Some(owner));
    Ok(tasks)
}

/// The running task of `spec`'s key, if there is one.
pub(crate) async fn find(client: &Client, cluster: &str, spec: &TaskSpec) -> Result<Option<Task>> {
    let tasks = owned(client, cluster, spec.owner.as_str()).await?;
    Ok(tasks.into_iter().find(|task| is_of(task, spec)))
}

/// Whether `task` was started for `spec`: by its ledger, or, where the driver may not tag, by
/// the key it was told to accept.
fn is_of(task: &Task, spec: &TaskSpec) -> bool {
    match key_of(task) {
        Some(key) => key == spec.key.as_str(),
        None => task
            .overrides()
            .into_iter()
            .flat_map(aws_sdk_ecs::types::TaskOverride::container_overrides)
            .flat_map(aws_sdk_ecs::types::ContainerOverride::environment)
            .any(|pair| {
                pair.name() == Some(PUBLIC_KEY)
                    && pair.value() == Some(spec.authorized_key.as_str())
            }),
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_ecs::types::{ContainerOverride, KeyValuePair, Tag, TaskOverride};
    use fargate_core::TaskKey;

    use super::*;
    use crate::tags::KEY;

    fn task(tag: Option<&str>, public_key: &str) -> Task {
        let pair = KeyValuePair::builder().name(PUBLIC_KEY).value(public_key).build();
        let container = ContainerOverride::builder().environment(pair).build();
        let tag = tag.map(|value| vec![Tag::builder().key(KEY).value(value).build()]);
        Task::builder()
            .set_tags(tag)
            .overrides(TaskOverride::builder().container_overrides(container).build())
            .build()
    }

    #[test]
    fn a_task_is_known_by_its_ledger_or_else_by_its_public_key() {
        let key = |text: &str| TaskKey::new(text).unwrap();
        let spec = TaskSpec::new(key("k"), key("o"), "ssh-ed25519 MINE");
        assert!(is_of(&task(Some("k"), "ssh-ed25519 OTHER"), &spec));
        assert!(!is_of(&task(Some("other"), "ssh-ed25519 MINE"), &spec));
        assert!(is_of(&task(None, "ssh-ed25519 MINE"), &spec));
        assert!(!is_of(&task(None, "ssh-ed25519 OTHER"), &spec));
    }
}
