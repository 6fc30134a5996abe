mod beside;

use fargate_core::{PullPolicy, TaskImage, TaskKey};

use super::*;
use crate::config::{ClusterAccess, Toleration};
use crate::template::empty;

fn config() -> EksConfig {
    EksConfig::new(ClusterAccess::InCluster, "jobs", "registry/image:1")
}

fn spec() -> TaskSpec {
    TaskSpec::new(
        TaskKey::new("job-1").unwrap(),
        TaskKey::new("owner-1").unwrap(),
        "ssh-ed25519 AAAA",
    )
}

#[test]
fn the_plain_pod_is_complete_and_asks_for_nothing_else() {
    let pod = build(&config(), &empty(), &spec()).unwrap();
    assert_eq!(
        pod,
        json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": "ci-job-1",
                "namespace": "jobs",
                "labels": {
                    "app.kubernetes.io/managed-by": "fargate-driver",
                    "fargate-driver/key": "job-1",
                    "fargate-driver/owner": "owner-1",
                },
                "annotations": {
                    "fargate-driver/key": "job-1",
                    "fargate-driver/owner": "owner-1",
                },
            },
            "spec": {
                "restartPolicy": "Never",
                "terminationGracePeriodSeconds": 30,
                "enableServiceLinks": false,
                "automountServiceAccountToken": false,
                "containers": [{
                    "name": "ci-coordinator",
                    "image": "registry/image:1",
                    "env": [{ "name": "SSH_PUBLIC_KEY", "value": "ssh-ed25519 AAAA" }],
                }],
            },
        })
    );
    let typed: Result<k8s_openapi::api::core::v1::Pod, _> = serde_json::from_value(pod);
    assert!(typed.is_ok(), "{typed:?}");
}

#[test]
fn every_setting_has_its_place() {
    let mut config = config();
    config.service_account = Some("builder".to_owned());
    config.cpu = Some("2".to_owned());
    config.memory = Some("4Gi".to_owned());
    config.ephemeral_storage = Some("50Gi".to_owned());
    config.image_pull_secrets = vec!["registry".to_owned()];
    config.node_selector.insert("zone".to_owned(), "a".to_owned());
    config.tolerations = vec![Toleration::new("ci").value("yes").effect("NoSchedule")];
    config.priority_class = Some("low".to_owned());
    config.labels.insert("profile".to_owned(), "ci".to_owned());
    config.annotations.insert("note".to_owned(), "anything at all".to_owned());
    let pod = build(&config, &empty(), &spec().deadline(Duration::from_millis(3_600_001))).unwrap();
    let spec = &pod["spec"];
    let sizes = json!({"cpu": "2", "memory": "4Gi", "ephemeral-storage": "50Gi"});
    assert_eq!(spec["containers"][0]["resources"], json!({"requests": sizes, "limits": sizes}));
    assert_eq!(spec["serviceAccountName"], "builder");
    assert_eq!(spec.get("automountServiceAccountToken"), None);
    assert_eq!(spec["imagePullSecrets"], json!([{"name": "registry"}]));
    assert_eq!(spec["nodeSelector"], json!({"zone": "a"}));
    assert_eq!(
        spec["tolerations"],
        json!([{"key": "ci", "operator": "Equal", "value": "yes", "effect": "NoSchedule"}])
    );
    assert_eq!(spec["priorityClassName"], "low");
    assert_eq!(spec["activeDeadlineSeconds"], 3601);
    assert_eq!(pod["metadata"]["labels"]["profile"], "ci");
    assert_eq!(pod["metadata"]["annotations"]["note"], "anything at all");
}

#[test]
fn the_template_is_under_the_configuration_and_the_task() {
    let template = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"labels": {"team": "a", "fargate-driver/owner": "forged"}},
        "spec": {
            "restartPolicy": "Always",
            "serviceAccountName": "from-template",
            "newField": true,
            "containers": [
                {"name": "sidecar", "image": "proxy:1"},
                {
                    "name": "ci-coordinator",
                    "image": "other",
                    "env": [
                        {"name": "SSH_PUBLIC_KEY", "value": "forged"},
                        {"name": "LANG", "value": "C.UTF-8"},
                    ],
                    "resources": {"requests": {"cpu": "1", "memory": "1Gi"},
                        "limits": {"memory": "2Gi"}},
                },
            ],
        },
    });
    let mut config = config();
    config.cpu = Some("4".to_owned());
    let pod = build(&config, &template, &spec()).unwrap();
    assert_eq!(pod["metadata"]["labels"]["team"], "a");
    assert_eq!(pod["metadata"]["labels"]["fargate-driver/owner"], "owner-1");
    assert_eq!(pod["spec"]["restartPolicy"], "Never");
    assert_eq!(pod["spec"]["serviceAccountName"], "from-template");
    assert_eq!(pod["spec"].get("automountServiceAccountToken"), None);
    assert_eq!(pod["spec"]["newField"], true, "the API server is to judge it");
    assert_eq!(pod["spec"]["containers"][0]["image"], "proxy:1");
    let container = &pod["spec"]["containers"][1];
    assert_eq!(container["image"], "registry/image:1");
    assert_eq!(
        container["env"],
        json!([
            {"name": "LANG", "value": "C.UTF-8"},
            {"name": "SSH_PUBLIC_KEY", "value": "ssh-ed25519 AAAA"},
        ])
    );
    let sizes = json!({"cpu": "4", "memory": "2Gi"});
    assert_eq!(container["resources"], json!({"requests": sizes, "limits": sizes}));
}

#[test]
fn the_tasks_image_goes_over_the_configured_one_and_the_templates() {
    let template = json!({ "metadata": {}, "spec": { "containers": [
        {"name": "sidecar", "image": "proxy:1", "command": ["/proxy"]},
        {"name": "ci-coordinator", "image": "other", "command": ["/agent"], "args": ["-v"]},
    ]}});
    let image = TaskImage::new("alpine:3").entrypoint(["/init"]).pull_policy(PullPolicy::Always);
    let pod = build(&config(), &template, &spec().image(image.clone())).unwrap();
    assert_eq!(
        pod["spec"]["containers"],
        json!([
            {"name": "sidecar", "image": "proxy:1", "command": ["/proxy"]},
            {
                "name": "ci-coordinator",
                "image": "alpine:3",
                "command": ["/init"],
                "args": [],
                "imagePullPolicy": "Always",
                "env": [{"name": "SSH_PUBLIC_KEY", "value": "ssh-ed25519 AAAA"}],
            },
        ])
    );
    let mut config = config();
    config.image = None;
    let pod = build(&config, &empty(), &spec().image(image)).unwrap();
    assert_eq!(pod["spec"]["containers"][0]["image"], "alpine:3");
    let pod = build(&config, &template, &spec()).unwrap();
    assert_eq!(pod["spec"]["containers"][1]["image"], "other");
}

#[test]
fn a_pod_without_any_image_is_refused() {
    let mut config = config();
    config.image = None;
    let error = build(&config, &empty(), &spec()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
    assert!(error.message().contains("no image"), "{error}");
}

#[test]
fn the_earlier_deadline_counts() {
    let seconds = |of_config: Option<u64>, of_task: Option<u64>| {
        let (mut config, mut spec) = (config(), spec());
        config.deadline = of_config.map(Duration::from_secs);
        spec.deadline = of_task.map(Duration::from_secs);
        build(&config, &empty(), &spec).unwrap()["spec"]["activeDeadlineSeconds"].as_u64()
    };
    assert_eq!(seconds(Some(60), Some(3600)), Some(60));
    assert_eq!(seconds(Some(3600), Some(60)), Some(60));
    assert_eq!(seconds(Some(90), None), Some(90));
    assert_eq!(seconds(None, Some(90)), Some(90));
    assert_eq!(seconds(None, None), None);
}

#[test]
fn a_variable_of_the_template_cannot_take_the_keys_place_by_another_source() {
    let template = json!({ "metadata": {}, "spec": { "containers": [{
        "name": "ci-coordinator",
        "env": [{"name": "SSH_PUBLIC_KEY", "valueFrom": {"fieldRef": {"fieldPath": "x"}}}],
    }]}});
    let pod = build(&config(), &template, &spec()).unwrap();
    assert_eq!(
        pod["spec"]["containers"][0]["env"],
        json!([{"name": "SSH_PUBLIC_KEY", "value": "ssh-ed25519 AAAA"}])
    );
}
