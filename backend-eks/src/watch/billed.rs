//! What Fargate makes of the pod's requests, told once.

use k8s_openapi::api::core::v1::Pod;

use crate::size::{FargateSize, asked_for};

/// The annotation that says what Fargate has provided: "Understand Fargate Pod configuration
/// details" in the EKS user guide.
const PROVIDED: &str = "CapacityProvisioned";

/// What was told of the pod's size.
#[derive(Debug, Default)]
pub(super) struct Billed {
    computed: Option<FargateSize>,
    told: bool,
    compared: bool,
}

impl Billed {
    /// What is new about the size of `pod`; nothing for a pod that is not Fargate's.
    pub(super) fn news(&mut self, pod: &Pod) -> Vec<String> {
        let scheduler = pod.spec.as_ref().and_then(|spec| spec.scheduler_name.as_deref());
        let mut news = Vec::new();
        if scheduler != Some("fargate-scheduler") {
            return news;
        }
        if !self.told {
            self.told = true;
            let json = serde_json::to_value(pod).unwrap_or_default();
            self.computed = FargateSize::of_pod(&json);
            news.extend(self.computed.map(|size| sentence(size, &json)));
        }
        let provided = pod.metadata.annotations.as_ref().and_then(|all| all.get(PROVIDED));
        if let Some(provided) = provided.filter(|_| !self.compared) {
            self.compared = true;
            if FargateSize::provided(provided) != self.computed {
                news.push(format!("Fargate has given the pod {provided}, which is what is billed"));
            }
        }
        news
    }
}

fn sentence(size: FargateSize, pod: &serde_json::Value) -> String {
    let asked = asked_for(pod).unwrap_or_default();
    format!(
        "Fargate runs and bills this pod as {size} ({asked} asked for; 256 MiB are Fargate's own)"
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(scheduler: &str, provided: Option<&str>) -> Pod {
        let requests = json!({"cpu": "1", "memory": "8Gi"});
        let mut pod = json!({
            "metadata": {"annotations": {}},
            "spec": {"schedulerName": scheduler, "containers": [
                {"name": "x", "resources": {"requests": requests}},
            ]},
        });
        if let Some(provided) = provided {
            pod["metadata"]["annotations"][PROVIDED] = provided.into();
        }
        serde_json::from_value(pod).expect("a pod")
    }

    #[test]
    fn the_size_is_told_once_with_what_was_asked_for() {
        let mut billed = Billed::default();
        assert_eq!(
            billed.news(&pod("fargate-scheduler", None)),
            ["Fargate runs and bills this pod as 2 vCPU and 9 GB (1 CPU and 8 GiB asked for; \
              256 MiB are Fargate's own)"]
        );
        assert!(billed.news(&pod("fargate-scheduler", None)).is_empty());
        assert!(billed.news(&pod("fargate-scheduler", Some("2vCPU 9GB"))).is_empty());
    }

    #[test]
    fn another_size_than_the_computed_one_is_told_once_too() {
        let mut billed = Billed::default();
        let other = pod("fargate-scheduler", Some("4vCPU 10GB"));
        let news = billed.news(&other);
        assert_eq!(news.len(), 2);
        assert_eq!(news[1], "Fargate has given the pod 4vCPU 10GB, which is what is billed");
        assert!(billed.news(&other).is_empty());
    }

    #[test]
    fn a_pod_on_other_nodes_has_no_size_of_fargates() {
        assert!(Billed::default().news(&pod("default-scheduler", None)).is_empty());
    }
}
