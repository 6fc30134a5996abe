//! Where a task may go, and in which order the places are tried.

use std::fmt;

use aws_sdk_ecs::error::BuildError;
use aws_sdk_ecs::operation::run_task::builders::RunTaskFluentBuilder;
use aws_sdk_ecs::types::{CapacityProviderStrategyItem, LaunchType, Task};
use fargate_core::{Capacity, TaskSpec};
use sha2::{Digest, Sha256};

use crate::address::subnet_id;
use crate::config::{CapacityProvider, EcsConfig};

/// Who provides the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Provider {
    /// Whatever the cluster's default strategy says: nothing is sent.
    ClusterDefault,
    LaunchType(String),
    Strategy(Vec<CapacityProvider>),
}

impl Provider {
    pub(crate) fn apply(
        &self,
        request: RunTaskFluentBuilder,
    ) -> Result<RunTaskFluentBuilder, BuildError> {
        Ok(match self {
            Self::ClusterDefault => request,
            Self::LaunchType(name) => request.launch_type(LaunchType::from(name.as_str())),
            Self::Strategy(items) => {
                let mut request = request;
                for item in items {
                    request = request.capacity_provider_strategy(
                        CapacityProviderStrategyItem::builder()
                            .capacity_provider(&item.name)
                            .weight(item.weight)
                            .base(item.base)
                            .build()?,
                    );
                }
                request
            }
        })
    }
}

/// One combination of network and capacity: one RunTask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) subnets: Vec<String>,
    pub(crate) provider: Provider,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.subnets.join(" or "))?;
        match &self.provider {
            Provider::ClusterDefault => Ok(()),
            Provider::LaunchType(name) => write!(f, " on {name}"),
            Provider::Strategy(items) => {
                let names: Vec<_> = items.iter().map(|item| item.name.as_str()).collect();
                write!(f, " on {}", names.join(" or "))
            }
        }
    }
}

/// Where a task was that ended for want of room, or that was taken back: another one is likely to
/// fare alike there for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Spent {
    pub(crate) subnet: Option<String>,
    pub(crate) provider: Option<String>,
}

impl Spent {
    /// What is known of where `task` was.
    pub(crate) fn of(task: &Task) -> Self {
        Self {
            subnet: subnet_id(task).map(str::to_owned),
            provider: task.capacity_provider_name().map(str::to_owned),
        }
    }

    /// Whether a request for `place` could end at the same spot.
    fn is_in(&self, place: &Place) -> bool {
        let subnet = self.subnet.as_ref().is_none_or(|subnet| place.subnets.contains(subnet));
        let provider = match (&self.provider, &place.provider) {
            (Some(name), Provider::Strategy(items)) => items.iter().any(|item| item.name == *name),
            _ => true,
        };
        subnet && provider
    }
}

/// The places to try, in order; spent ones last.
///
/// The first is the configuration as it stands, every subnet and the whole strategy in one
/// request: AWS then chooses, knows its zones best, and the usual launch costs one call. AWS
/// does not try a second zone when the one it chose is full, so each provider is then tried
/// alone, and within it each subnet alone. The subnets start at an offset that depends on the
/// key: fifty jobs that miss at once do not all crowd into the same zone next.
///
/// A task that asks for a kind of capacity gets that and no other, whatever is configured.
pub(crate) fn places(config: &EcsConfig, spec: &TaskSpec, spent: &[Spent]) -> Vec<Place> {
    let configured = match spec.needs.resources.capacity {
        Some(capacity) => Provider::Strategy(vec![CapacityProvider::new(provider_of(capacity))]),
        None => configured(config),
    };
    let alone: Vec<Provider> = match &configured {
        Provider::Strategy(items) if items.len() > 1 => items
            .iter()
            .map(|item| {
                // The only provider of a strategy must have a weight, and base means nothing.
                let weight = item.weight.max(1);
                Provider::Strategy(vec![CapacityProvider::new(&item.name).weight(weight)])
            })
            .collect(),
        other => vec![other.clone()],
    };
    let mut subnets = config.subnets.clone();
    let offset = usize::from(Sha256::digest(spec.key.as_str())[0]) % subnets.len().max(1);
    subnets.rotate_left(offset);

    let mut places = vec![Place { subnets: config.subnets.clone(), provider: configured }];
    for provider in alone {
        for subnet in &subnets {
            let place = Place { subnets: vec![subnet.clone()], provider: provider.clone() };
            if !places.contains(&place) {
                places.push(place);
            }
        }
    }
    // Stable: within each half the order above holds.
    places.sort_by_key(|place| spent.iter().any(|spent| spent.is_in(place)));
    places
}

fn configured(config: &EcsConfig) -> Provider {
    match (&config.launch_type, config.capacity_providers.as_slice()) {
        (Some(name), _) => Provider::LaunchType(name.clone()),
        (None, []) => Provider::ClusterDefault,
        (None, items) => Provider::Strategy(items.to_vec()),
    }
}

/// The capacity provider of AWS's own: "Amazon ECS clusters for Fargate" in the developer guide.
fn provider_of(capacity: Capacity) -> &'static str {
    match capacity {
        Capacity::Spot => "FARGATE_SPOT",
        // Whatever else there may be one day is nothing that AWS takes back.
        _ => "FARGATE",
    }
}

#[cfg(test)]
mod tests {
    use fargate_core::TaskKey;

    use super::*;

    fn spec(key: &str) -> TaskSpec {
        TaskSpec::new(TaskKey::new(key).unwrap(), TaskKey::new("o").unwrap(), "ssh-ed25519 AAAA")
    }

    fn config(subnets: &[&str], providers: &[&str]) -> EcsConfig {
        let mut config = EcsConfig::new("ci", "task");
        config.subnets = subnets.iter().map(|&subnet| subnet.to_owned()).collect();
        config.capacity_providers =
            providers.iter().map(|&name| CapacityProvider::new(name)).collect();
        config
    }

    fn shown(config: &EcsConfig, key: &str) -> Vec<String> {
        places(config, &spec(key), &[]).iter().map(Place::to_string).collect()
    }

    #[test]
    fn one_subnet_and_no_provider_is_one_place() {
        assert_eq!(shown(&config(&["a"], &[]), "k"), ["a"]);
        assert_eq!(shown(&config(&["a"], &["FARGATE"]), "k"), ["a on FARGATE"]);
    }

    #[test]
    fn spot_is_tried_everywhere_before_on_demand() {
        let shown = shown(&config(&["a", "b"], &["FARGATE_SPOT", "FARGATE"]), "k");
        assert_eq!(shown[0], "a or b on FARGATE_SPOT or FARGATE");
        assert_eq!(shown.len(), 5);
        assert!(shown[1..3].iter().all(|place| place.ends_with("on FARGATE_SPOT")), "{shown:?}");
        assert!(shown[3..].iter().all(|place| place.ends_with("on FARGATE")), "{shown:?}");
    }

    #[test]
    fn the_first_single_subnet_depends_on_the_key_alone() {
        let config = config(&["a", "b", "c"], &[]);
        let second: std::collections::BTreeSet<_> =
            (0..50).map(|n| shown(&config, &format!("k{n}"))[1].clone()).collect();
        assert_eq!(second.len(), 3, "every subnet comes first for some key");
        assert_eq!(shown(&config, "k"), shown(&config, "k"));
    }

    #[test]
    fn where_a_task_ended_for_want_of_room_comes_last() {
        let config = config(&["a", "b"], &["FARGATE_SPOT", "FARGATE"]);
        let spent = |subnet: &str| Spent {
            subnet: Some(subnet.to_owned()),
            provider: Some("FARGATE_SPOT".to_owned()),
        };
        let order = |spent: &[Spent]| -> Vec<_> {
            places(&config, &spec("k"), spent).iter().map(Place::to_string).collect()
        };
        let once = order(&[spent("a")]);
        assert_eq!(once[0], "b on FARGATE_SPOT");
        assert_eq!(once[3..], ["a or b on FARGATE_SPOT or FARGATE", "a on FARGATE_SPOT"]);
        let twice = order(&[spent("a"), spent("b")]);
        assert!(twice[..2].iter().all(|place| place.ends_with("on FARGATE")), "{twice:?}");
    }

    #[test]
    fn a_place_that_is_the_only_one_is_tried_again() {
        let spent = Spent { subnet: Some("a".to_owned()), provider: None };
        assert_eq!(places(&config(&["a"], &[]), &spec("k"), &[spent]).len(), 1);
    }

    #[test]
    fn a_provider_with_weight_zero_is_usable_alone() {
        let mut config = config(&["a"], &["FARGATE_SPOT", "FARGATE"]);
        config.capacity_providers[1].weight = 0;
        let last = places(&config, &spec("k"), &[]).pop().unwrap();
        let Provider::Strategy(items) = last.provider else { panic!("a strategy") };
        assert_eq!((items[0].name.as_str(), items[0].weight), ("FARGATE", 1));
    }

    #[test]
    fn a_task_that_asks_for_a_kind_of_capacity_gets_no_other() {
        let config = config(&["a", "b"], &["FARGATE_SPOT", "FARGATE"]);
        for (capacity, name) in [(Capacity::Spot, "FARGATE_SPOT"), (Capacity::OnDemand, "FARGATE")]
        {
            let mut spec = spec("k");
            spec.needs.resources.capacity = Some(capacity);
            let both: Vec<_> = places(&config, &spec, &[]).iter().map(Place::to_string).collect();
            assert_eq!(both.len(), 3, "{both:?}");
            assert!(both.iter().all(|place| place.ends_with(&format!(" on {name}"))), "{both:?}");
            let instead = EcsConfig {
                capacity_providers: Vec::new(),
                launch_type: Some("FARGATE".to_owned()),
                ..config.clone()
            };
            let places = places(&instead, &spec, &[]);
            assert!(places.iter().all(|one| matches!(one.provider, Provider::Strategy(_))));
        }
    }
}
