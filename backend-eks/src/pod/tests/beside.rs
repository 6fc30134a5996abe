//! Agent, helper container, services and sizes.

use fargate_core::{AgentSetup, Capacity, SecretText, TaskNeeds, TaskService};

use super::*;

fn with_agent() -> EksConfig {
    let mut agent = AgentSetup::new("agent:1");
    agent.helper = Some(TaskImage::new("helper:1").pull_policy(PullPolicy::IfNotPresent));
    agent.shared = vec!["/builds".to_owned()];
    let mut config = config();
    config.agent = Some(agent);
    config
}

fn with_needs(fill: impl FnOnce(&mut TaskNeeds)) -> TaskSpec {
    let mut needs = TaskNeeds::default();
    fill(&mut needs);
    spec().needs(needs)
}

fn container<'a>(pod: &'a Value, name: &str) -> &'a Value {
    let all = pod["spec"]["containers"].as_array().unwrap();
    all.iter().find(|one| one["name"] == name).unwrap_or(&Value::Null)
}

/// What a pod that cannot be made is refused with.
fn refusal(config: &EksConfig, template: &Value, spec: &TaskSpec) -> (ErrorKind, String) {
    let error = build(config, template, spec).unwrap_err();
    assert!(error.advice().is_some(), "{error}");
    (error.kind(), error.message().to_owned())
}

#[test]
fn the_agent_comes_first_and_is_what_job_and_helper_run() {
    let image = TaskImage::new("alpine:3").entrypoint(["/init", "$(X)"]).user("1000:100");
    let mut spec = spec().image(image);
    spec.host_secret = Some(SecretText::new("s3cret".to_owned().into()));
    let pod = build(&with_agent(), &empty(), &spec).unwrap();
    let agent = json!({"name": "fargate-agent", "mountPath": "/fargate"});
    let read_only = json!({"name": "fargate-agent", "mountPath": "/fargate", "readOnly": true});
    let builds = json!({"name": "fargate-shared-0", "mountPath": "/builds"});
    assert_eq!(
        pod["spec"]["initContainers"],
        json!([{
            "name": "fargate-agent", "image": "agent:1", "args": ["install", "/fargate"],
            "volumeMounts": [agent],
        }])
    );
    assert_eq!(
        pod["spec"]["volumes"],
        json!([
            {"name": "fargate-agent", "emptyDir": {}}, {"name": "fargate-shared-0", "emptyDir": {}},
        ])
    );
    let key = json!({"name": "SSH_PUBLIC_KEY", "value": "ssh-ed25519 AAAA"});
    let secret = json!({"name": "FARGATE_HOST_SECRET", "value": "s3cret"});
    assert_eq!(
        pod["spec"]["containers"],
        json!([
            {
                "name": "ci-coordinator", "image": "alpine:3",
                "command": ["/init", "$$(X)"], "args": ["/fargate/fargate-agent"],
                "securityContext": {"runAsUser": 1000, "runAsGroup": 100},
                "env": [
                    key, {"name": "FARGATE_AGENT_LISTEN", "value": "0.0.0.0:2222"}, secret,
                ],
                "volumeMounts": [read_only, builds],
            },
            {
                "name": "fargate-helper", "image": "helper:1", "imagePullPolicy": "IfNotPresent",
                "command": ["/fargate/fargate-agent"], "args": [],
                "env": [
                    {"name": "FARGATE_AGENT_LISTEN", "value": "0.0.0.0:2223"},
                    {"name": "FARGATE_AGENT_PATH", "value": "/fargate/bin"},
                    {"name": "FARGATE_AGENT_UMASK", "value": "000"}, key, secret,
                ],
                "volumeMounts": [read_only, builds],
            },
        ])
    );
    let typed: Result<k8s_openapi::api::core::v1::Pod, _> = serde_json::from_value(pod);
    assert!(typed.is_ok(), "{typed:?}");
}

#[test]
fn an_image_without_an_entry_point_of_the_tasks_runs_the_agent_alone() {
    let template = json!({ "metadata": {}, "spec": { "containers": [
        {"name": "ci-coordinator", "command": ["/old"], "args": ["-v"]},
    ], "initContainers": [{"name": "prepare"}]}});
    let pod = build(&with_agent(), &template, &spec()).unwrap();
    assert_eq!(pod["spec"]["initContainers"][0]["name"], "fargate-agent");
    assert_eq!(pod["spec"]["initContainers"][1], json!({"name": "prepare"}));
    let job = container(&pod, "ci-coordinator");
    assert_eq!(job["command"], json!(["/fargate/fargate-agent"]));
    assert_eq!((&job["args"], &job["image"]), (&json!([]), &json!("registry/image:1")));
}

#[test]
fn by_exec_nobody_listens_and_the_agent_comes_only_where_it_is_needed() {
    let mut config = with_agent();
    config.connect = Connect::Exec;
    let pod = build(&config, &empty(), &spec()).unwrap();
    let helper = container(&pod, "fargate-helper");
    assert_eq!((&helper["command"][0], helper.get("env")), (&json!("sh"), None));
    assert_eq!(container(&pod, "ci-coordinator")["volumeMounts"].as_array().unwrap().len(), 2);

    config.agent.as_mut().unwrap().helper = None;
    let pod = build(&config, &empty(), &spec()).unwrap();
    assert_eq!((pod["spec"].get("initContainers"), pod["spec"].get("volumes")), (None, None));
    let spec = with_needs(|needs| {
        needs.services = vec![TaskService::new("db", TaskImage::new("postgres:16"))];
    });
    let pod = build(&config, &empty(), &spec).unwrap();
    assert_eq!(pod["spec"]["initContainers"][0]["name"], "fargate-agent");
    assert_eq!(container(&pod, "ci-coordinator")["command"][0], "sh");
}

#[test]
fn services_are_containers_that_all_others_know_by_their_names() {
    let service = TaskService::new("db", TaskImage::new("postgres:16").entrypoint(["/e", "$(A)"]))
        .command(["-c", "$(B)"])
        .variable("PASSWORD", "a$(C)")
        .alias("postgres")
        .alias("my_db");
    let other =
        TaskService::new("cache", TaskImage::new("redis:7").pull_policy(PullPolicy::Always))
            .alias("redis")
            .alias("postgres");
    let spec = with_needs(|needs| needs.services = vec![service, other]);
    let pod = build(&with_agent(), &empty(), &spec).unwrap();
    // The kubelet starts them in this order.
    let names = pod["spec"]["containers"].as_array().unwrap().iter().map(|one| &one["name"]);
    let order: Vec<_> = names.collect();
    assert_eq!(order, ["db", "cache", "ci-coordinator", "fargate-helper"]);
    assert_eq!(
        container(&pod, "db"),
        &json!({
            "name": "db", "image": "postgres:16", "command": ["/e", "$$(A)"],
            "args": ["-c", "$$(B)"], "env": [{"name": "PASSWORD", "value": "a$$(C)"}],
        })
    );
    assert_eq!(
        container(&pod, "cache"),
        &json!({"name": "cache", "image": "redis:7", "imagePullPolicy": "Always"})
    );
    let names = |pod: &Value| pod["spec"]["hostAliases"].clone();
    assert_eq!(names(&pod), json!([{"ip": "127.0.0.1", "hostnames": ["postgres", "redis"]}]));
    // What Kubernetes does not take as a host name is the agents' business.
    let hosts = json!({"name": "FARGATE_AGENT_HOSTS", "value": "my_db"});
    for one in ["ci-coordinator", "fargate-helper"] {
        assert!(container(&pod, one)["env"].as_array().unwrap().contains(&hosts), "{one}");
    }
    let template = json!({ "metadata": {}, "spec": {
        "containers": [{"name": "ci-coordinator"}],
        "hostAliases": [
            {"ip": "10.0.0.1", "hostnames": ["a"]}, {"ip": "127.0.0.1", "hostnames": ["b"]},
        ],
    }});
    let pod = build(&with_agent(), &template, &spec).unwrap();
    assert_eq!(
        names(&pod),
        json!([
            {"ip": "10.0.0.1", "hostnames": ["a"]},
            {"ip": "127.0.0.1", "hostnames": ["b", "postgres", "redis"]},
        ])
    );
}

#[test]
fn the_templates_own_volume_is_shared_and_its_names_are_its_own() {
    let template = |more: Value| {
        let mut pod = json!({ "metadata": {}, "spec": {
            "containers": [{"name": "ci-coordinator", "volumeMounts": [
                {"name": "disk", "mountPath": "/builds/"},
            ]}],
            "volumes": [{"name": "disk", "persistentVolumeClaim": {"claimName": "d"}}],
        }});
        crate::merge::lay_over(&mut pod["spec"], more);
        pod
    };
    let pod = build(&with_agent(), &template(json!({})), &spec()).unwrap();
    assert_eq!(pod["spec"]["volumes"].as_array().unwrap().len(), 2);
    let mounts = container(&pod, "fargate-helper")["volumeMounts"].as_array().unwrap();
    assert!(mounts.contains(&json!({"name": "disk", "mountPath": "/builds/"})), "{mounts:?}");

    let service = with_needs(|needs| {
        needs.services = vec![TaskService::new("db", TaskImage::new("postgres:16"))];
    });
    for (more, word) in [
        (json!({"containers": [{"name": "db", "image": "x"}]}), "named db"),
        (json!({"containers": [{"name": "fargate-helper"}]}), "named fargate-helper"),
        (json!({"initContainers": [{"name": "fargate-agent"}]}), "named fargate-agent"),
        (json!({"initContainers": [{"name": "db"}]}), "named db"),
        (json!({"volumes": [{"name": "fargate-agent"}]}), "volume named fargate-agent"),
        (
            json!({"containers": [{"name": "ci-coordinator", "volumeMounts": [
                {"name": "disk", "mountPath": "/fargate"},
            ]}]}),
            "/fargate",
        ),
    ] {
        let (kind, message) = refusal(&with_agent(), &template(more), &service);
        assert_eq!(kind, ErrorKind::InvalidConfig, "{message}");
        assert!(message.contains(word), "{message}");
    }
}

#[test]
fn a_tasks_size_and_account_go_over_the_configured_ones() {
    let mut config = config();
    config.memory = Some("4Gi".to_owned());
    let spec = with_needs(|needs| {
        let resources = &mut needs.resources;
        (resources.cpu, resources.memory) = (Some(2048), Some(8192));
        (resources.ephemeral_storage, resources.role) = (Some(50), Some("deployer".to_owned()));
        resources.capacity = Some(Capacity::OnDemand);
        needs.image = Some(TaskImage::new("a").pull_secret("theirs"));
        needs.services = vec![TaskService::new("db", TaskImage::new("b").pull_secret("theirs"))];
    });
    config.image_pull_secrets = vec!["ours".to_owned()];
    let pod = build(&config, &empty(), &spec).unwrap();
    let sizes = json!({"cpu": "2000m", "memory": "8192Mi", "ephemeral-storage": "50Gi"});
    let job = container(&pod, "ci-coordinator");
    assert_eq!(job["resources"], json!({"requests": sizes, "limits": sizes}));
    assert_eq!(container(&pod, "db").get("resources"), None);
    assert_eq!(pod["spec"]["serviceAccountName"], "deployer");
    assert_eq!(pod["spec"].get("automountServiceAccountToken"), None);
    assert_eq!(pod["spec"]["imagePullSecrets"], json!([{"name": "ours"}, {"name": "theirs"}]));
}

#[test]
fn what_fargate_has_not_for_pods_is_refused() {
    type Ask = fn(&mut TaskNeeds);
    let table: [(Ask, ErrorKind, &str); 6] = [
        (|needs| needs.resources.capacity = Some(Capacity::Spot), ErrorKind::Unsupported, "Spot"),
        (
            |needs| needs.image = Some(TaskImage::new("a").platform("linux/arm64")),
            ErrorKind::Unsupported,
            "linux/arm64",
        ),
        (
            |needs| needs.image = Some(TaskImage::new("a").user("ci")),
            ErrorKind::Unsupported,
            "no number",
        ),
        (
            |needs| {
                let image = TaskImage::new("a").user("1000:staff");
                needs.services = vec![TaskService::new("db", image)];
            },
            ErrorKind::Unsupported,
            "1000:staff",
        ),
        (|needs| needs.resources.memory = Some(200 << 10), ErrorKind::InvalidConfig, "no size"),
        (
            |needs| needs.resources.ephemeral_storage = Some(200),
            ErrorKind::InvalidConfig,
            "EphemeralStorage",
        ),
    ];
    for (ask, kind, word) in table {
        let (refused, message) = refusal(&config(), &empty(), &with_needs(ask));
        assert_eq!(refused, kind, "{message}");
        assert!(message.contains(word), "{message}");
    }
    let fits = with_needs(|needs| {
        needs.image = Some(TaskImage::new("a").platform("linux/amd64").user("0"));
    });
    let pod = build(&config(), &empty(), &fits).unwrap();
    assert_eq!(container(&pod, "ci-coordinator")["securityContext"], json!({"runAsUser": 0}));
}

#[test]
fn a_size_counts_together_with_the_templates_containers() {
    let template = json!({ "metadata": {}, "spec": { "containers": [
        {"name": "ci-coordinator"},
        {"name": "sidecar", "resources": {"requests": {"memory": "2Gi"}}},
    ]}});
    let of = |gibibytes: u32| with_needs(|needs| needs.resources.memory = Some(gibibytes << 10));
    assert!(build(&config(), &template, &of(117)).is_ok());
    let (kind, message) = refusal(&config(), &template, &of(118));
    assert_eq!((kind, message.contains("together")), (ErrorKind::InvalidConfig, true), "{message}");
}
