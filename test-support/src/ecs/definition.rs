//! Task definitions and the sizes Fargate has.

mod content;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::api_error::ApiError;
use super::request::{list, text};
use super::tags::{self, Tags};
use super::{TaskDefinition, ids};

/// Every revision of every family, as `DescribeTaskDefinition` shows it.
#[derive(Debug, Default)]
pub(super) struct Definitions {
    families: BTreeMap<String, Vec<Value>>,
    /// The tags of each `family:revision`.
    tags: BTreeMap<String, Tags>,
}

impl Definitions {
    /// The definition that a family, `family:revision` or an ARN means.
    pub(super) fn find(&self, name: &str) -> Option<&Value> {
        let (family, revision) = match ids::last_part(name).split_once(':') {
            Some((family, revision)) => (family, Some(revision.parse::<usize>().ok()?)),
            None => (ids::last_part(name), None),
        };
        let revisions = self.families.get(family)?;
        match revision {
            Some(revision) => revisions.get(revision.checked_sub(1)?),
            None => revisions.iter().rev().find(|one| one["status"] == "ACTIVE"),
        }
    }

    /// Families, by name, whose names begin with `prefix` and of whose revisions `wanted` picks
    /// one.
    pub(super) fn families(&self, prefix: &str, wanted: impl Fn(&[Value]) -> bool) -> Vec<&str> {
        let named = self.families.iter().filter(|(name, _)| name.starts_with(prefix));
        named.filter(|(_, all)| wanted(all)).map(|(name, _)| name.as_str()).collect()
    }

    /// The ARNs of revisions in `status`, by family and number; of one family, if one is named.
    pub(super) fn revisions(&self, family: Option<&str>, status: &str) -> Vec<&str> {
        let named = self.families.iter().filter(|(name, _)| family.is_none_or(|one| one == *name));
        named
            .flat_map(|(_, revisions)| revisions)
            .filter(|one| one["status"] == status)
            .filter_map(|one| text(one, "taskDefinitionArn"))
            .collect()
    }

    /// The tags of a definition.
    pub(super) fn tags(&self, definition: &Value) -> Value {
        let name = text(definition, "taskDefinitionArn").map(ids::last_part).unwrap_or_default();
        tags::json(self.tags.get(name).unwrap_or(&Tags::new()))
    }

    /// The tags of a `family:revision` or an ARN that exists, to be changed.
    pub(super) fn tags_mut(&mut self, name: &str) -> Option<&mut Tags> {
        let name = ids::last_part(name);
        self.revision_mut(name)?;
        Some(self.tags.entry(name.to_owned()).or_default())
    }

    /// The revision that `family:revision` or an ARN means.
    pub(super) fn revision_mut(&mut self, name: &str) -> Option<&mut Value> {
        let (family, revision) = ids::last_part(name).split_once(':')?;
        let index = revision.parse::<usize>().ok()?.checked_sub(1)?;
        self.families.get_mut(family)?.get_mut(index)
    }

    /// Adds a revision with `tags` from the fields of `RegisterTaskDefinition`.
    pub(super) fn register(
        &mut self,
        region: &str,
        input: &Value,
        tags: Tags,
    ) -> Result<Value, ApiError> {
        let family = text(input, "family").ok_or_else(|| ApiError::client("Family is null."))?;
        let letters = |char: char| char.is_ascii_alphanumeric() || "-_".contains(char);
        if family.len() > 255 || !family.chars().all(letters) {
            return Err(ApiError::client(
                "Family contains invalid characters. Family should be at most 255 characters, and \
                 only alphanumeric characters, hyphens and underscores are allowed.",
            ));
        }
        if list(input, "containerDefinitions").is_empty() {
            return Err(ApiError::client("Container list cannot be empty."));
        }
        if text(input, "networkMode") != Some("awsvpc") {
            return Err(ApiError::client("Fargate only supports network mode 'awsvpc'."));
        }
        let (Some(cpu), Some(memory)) = (text(input, "cpu"), text(input, "memory")) else {
            return Err(ApiError::client(
                "Fargate requires that 'cpu' and 'memory' be defined at the task level.",
            ));
        };
        check_size(cpu, memory)?;
        content::check(input)?;

        let revisions = self.families.entry(family.to_owned()).or_default();
        let revision = revisions.len() + 1;
        let name = format!("{family}:{revision}");
        let mut definition = input.clone();
        definition["taskDefinitionArn"] = ids::arn(region, "task-definition", &name).into();
        definition["revision"] = revision.into();
        definition["status"] = "ACTIVE".into();
        definition["compatibilities"] = json!(["EC2", "FARGATE"]);
        definition["registeredAt"] = ids::now().into();
        definition.as_object_mut().map(|fields| fields.remove("tags"));
        self.tags.insert(name, tags);
        for name in ["volumes", "placementConstraints"] {
            if definition.get(name).is_none() {
                definition[name] = json!([]);
            }
        }
        content::fill_in(&mut definition);
        revisions.push(definition.clone());
        Ok(definition)
    }

    pub(super) fn register_option(
        &mut self,
        region: &str,
        option: &TaskDefinition,
    ) -> Result<(), ApiError> {
        let role = |name: &str| format!("arn:aws:iam::{}:role/{name}", ids::ACCOUNT);
        let log = option.log_group.as_ref().map(|group| {
            json!({"logDriver": "awslogs", "options": {
                "awslogs-group": group, "awslogs-region": region, "awslogs-stream-prefix": "ci",
            }})
        });
        let container = |name: &String| {
            let mut container = json!({
                "name": name, "image": format!("registry.example.com/{name}:latest"),
                "essential": true, "cpu": 0, "environment": [], "mountPoints": [],
                "volumesFrom": [],
                "portMappings": [{"containerPort": 22, "hostPort": 22, "protocol": "tcp"}],
            });
            if let Some(log) = &log {
                container["logConfiguration"] = log.clone();
            }
            container
        };
        let containers: Vec<Value> = option.containers.iter().map(container).collect();
        self.register(
            region,
            &json!({
                "family": option.family, "containerDefinitions": containers,
                "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"],
                "cpu": "256", "memory": "512",
                "taskRoleArn": role("task"), "executionRoleArn": role("execution"),
            }),
            Tags::new(),
        )?;
        Ok(())
    }
}

/// Refuses a size Fargate does not have.
pub(super) fn check_size(cpu: &str, memory: &str) -> Result<(), ApiError> {
    // Per number of CPU units: the least and the most memory in MiB, and the step.
    let sizes = [
        (512, 1024, 4096, 1024),
        (1024, 2048, 8192, 1024),
        (2048, 4096, 16_384, 1024),
        (4096, 8192, 30_720, 1024),
        (8192, 16_384, 61_440, 4096),
        (16_384, 32_768, 122_880, 8192),
    ];
    let fits = match (units(cpu, "vcpu"), units(memory, "gb")) {
        (Some(256), Some(memory)) => [512, 1024, 2048].contains(&memory),
        (Some(cpu), Some(memory)) => sizes.iter().any(|&(size, least, most, step)| {
            cpu == size && (least..=most).contains(&memory) && memory % step == 0
        }),
        _ => false,
    };
    if fits {
        return Ok(());
    }
    Err(ApiError::client(format!(
        "No Fargate configuration exists for given values: {cpu} CPU, {memory} memory. See the \
         Amazon ECS documentation for the valid values."
    )))
}

/// Plain units ("1024"), or whole ones ("1 vCPU", "0.5GB") of 1024 units each.
fn units(text: &str, unit: &str) -> Option<u64> {
    let lower = text.trim().to_ascii_lowercase();
    let Some(number) = lower.strip_suffix(unit) else { return lower.parse().ok() };
    match number.trim() {
        "0.25" | ".25" => Some(256),
        "0.5" | ".5" => Some(512),
        whole => Some(whole.parse::<u64>().ok()? * 1024),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fargate_has_these_sizes_and_no_others() {
        let good = [("256", "512"), (".25 vCPU", "2GB"), ("1024", "8192"), ("4 vCPU", "30 GB")];
        for (cpu, memory) in good {
            assert_eq!(check_size(cpu, memory), Ok(()), "{cpu} {memory}");
        }
        for (cpu, memory) in [("999", "2048"), ("256", "4096"), ("1024", "2500"), ("8192", "17408")]
        {
            assert!(check_size(cpu, memory).is_err(), "{cpu} {memory}");
        }
    }
}
