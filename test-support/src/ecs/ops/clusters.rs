//! `DescribeClusters` and `ListClusters`.

use serde_json::{Value, json};

use crate::ecs::ids;
use crate::ecs::request::{Request, texts};
use crate::ecs::state::World;
use crate::ecs::task::State;

pub(super) fn describe_clusters(world: &World, request: &Request) -> Value {
    let mut asked = texts(&request.body, "clusters");
    if asked.is_empty() {
        asked.push("default".to_owned());
    }
    let (mut clusters, mut failures) = (Vec::new(), Vec::new());
    for name in asked {
        if ids::last_part(&name) == world.options.cluster {
            clusters.push(cluster(world));
        } else {
            let arn = ids::arn(&world.options.region, "cluster", ids::last_part(&name));
            failures.push(json!({"arn": arn, "reason": "MISSING"}));
        }
    }
    json!({"clusters": clusters, "failures": failures})
}

pub(super) fn list_clusters(world: &World) -> Value {
    json!({"clusterArns": [world.cluster_arn()]})
}

fn cluster(world: &World) -> Value {
    let options = &world.options;
    let memory = world.memory();
    let running = memory.tasks.values().filter(|task| task.state == State::Running).count();
    let pending = memory.tasks.values().filter(|task| task.state < State::Running).count();
    let strategy = if options.default_capacity_provider {
        json!([{"capacityProvider": "FARGATE", "weight": 1, "base": 0}])
    } else {
        json!([])
    };
    json!({
        "clusterArn": world.cluster_arn(), "clusterName": options.cluster, "status": "ACTIVE",
        "registeredContainerInstancesCount": 0, "activeServicesCount": 0,
        "runningTasksCount": running, "pendingTasksCount": pending,
        "statistics": [], "tags": [], "settings": [],
        "capacityProviders": options.capacity_providers,
        "defaultCapacityProviderStrategy": strategy,
    })
}
