//! What becomes of a base definition.

use fargate_core::{ErrorKind, TaskImage, TaskService};
use serde_json::{Value, json};

use super::*;

mod beside;

const AGENT: &str = AgentSetup::BRINGER;

/// A base with everything that has to survive.
fn full() -> Value {
    json!({
        "taskDefinitionArn": "arn:base:7", "revision": 7, "status": "ACTIVE",
        "family": "base", "networkMode": "awsvpc", "cpu": "1024", "memory": "2048",
        "requiresCompatibilities": ["FARGATE"],
        "taskRoleArn": "arn:aws:iam::1:role/task", "executionRoleArn": "arn:aws:iam::1:role/exec",
        "runtimePlatform": {"cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX"},
        "ephemeralStorage": {"sizeInGiB": 50}, "brandNew": {"of": "tomorrow"},
        "volumes": [{"name": "cache", "efsVolumeConfiguration": {"fileSystemId": "fs-1"}}],
        "containerDefinitions": [
            {"name": "sidecar", "image": "sidecar:1", "essential": false},
            {
                "name": "ci-coordinator", "image": "registry.example.com/ci:1", "essential": true,
                "entryPoint": ["/usr/sbin/sshd"], "command": ["-D"], "user": "1000",
                "environment": [{"name": "A", "value": "1"}],
                "secrets": [{"name": "S", "valueFrom": "arn:secret"}],
                "repositoryCredentials": {"credentialsParameter": "arn:credentials"},
                "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "ci"}},
                "mountPoints": [{"sourceVolume": "cache", "containerPath": "/cache"}],
                "dependsOn": [{"containerName": "sidecar", "condition": "START"}],
                "brandNew": [1],
            },
        ],
    })
}

fn base(change: impl FnOnce(&mut Value)) -> Base {
    let mut definition = full();
    change(&mut definition);
    Base::read(json!({"taskDefinition": definition, "tags": []})).unwrap()
}

fn agent() -> AgentSetup {
    AgentSetup::new("registry.example.com/agent:1")
}

fn laid_by(agent: &AgentSetup, base: &Base, needs: &TaskNeeds) -> Result<Value> {
    overlay(base, "ci-coordinator", agent, needs).map(Value::from)
}

fn laid(base: &Base, image: Option<&TaskImage>) -> Result<Value> {
    laid_by(&agent(), base, &of(image))
}

fn of(image: Option<&TaskImage>) -> TaskNeeds {
    let mut needs = TaskNeeds::default();
    needs.image = image.cloned();
    needs
}

/// The container of the job.
fn job(image: Option<&TaskImage>) -> Value {
    laid(&base(|_| {}), image).unwrap()["containerDefinitions"][1].clone()
}

#[test]
fn image_and_agent_go_over_the_base_and_everything_else_survives() {
    let image = TaskImage::new("registry.example.com/group/app:3").entrypoint(["/init", "--"]);
    let wanted = json!({
        "family": "base", "networkMode": "awsvpc", "cpu": "1024", "memory": "2048",
        "requiresCompatibilities": ["FARGATE"],
        "taskRoleArn": "arn:aws:iam::1:role/task", "executionRoleArn": "arn:aws:iam::1:role/exec",
        "runtimePlatform": {"cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX"},
        "ephemeralStorage": {"sizeInGiB": 50}, "brandNew": {"of": "tomorrow"},
        "volumes": [
            {"name": "cache", "efsVolumeConfiguration": {"fileSystemId": "fs-1"}},
            {"name": "fargate-agent"},
        ],
        "containerDefinitions": [
            {"name": "sidecar", "image": "sidecar:1", "essential": false},
            {
                "name": "ci-coordinator", "image": "registry.example.com/group/app:3",
                "essential": true, "entryPoint": ["/init", "--"],
                "command": ["/fargate/fargate-agent"], "user": "1000",
                "environment": [
                    {"name": "A", "value": "1"},
                    {"name": "FARGATE_AGENT_LISTEN", "value": "0.0.0.0:2222"},
                ],
                "secrets": [{"name": "S", "valueFrom": "arn:secret"}],
                "repositoryCredentials": {"credentialsParameter": "arn:credentials"},
                "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "ci"}},
                "mountPoints": [
                    {"sourceVolume": "cache", "containerPath": "/cache"},
                    {"sourceVolume": "fargate-agent", "containerPath": "/fargate", "readOnly": true},
                ],
                "dependsOn": [
                    {"containerName": "sidecar", "condition": "START"},
                    {"containerName": "fargate-agent", "condition": "SUCCESS"},
                ],
                "brandNew": [1],
            },
            {
                "name": "fargate-agent", "image": "registry.example.com/agent:1",
                "essential": false, "command": ["install", "/fargate"],
                "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "ci"}},
                "repositoryCredentials": {"credentialsParameter": "arn:credentials"},
                "mountPoints": [{
                    "sourceVolume": "fargate-agent", "containerPath": "/fargate",
                    "readOnly": false,
                }],
            },
        ],
    });
    assert_eq!(laid(&base(|_| {}), Some(&image)).unwrap(), wanted);
}

#[test]
fn without_an_entry_point_of_the_job_the_images_own_runs_the_agent() {
    let job = job(Some(&TaskImage::new("alpine:3")));
    assert_eq!(job.get("entryPoint"), None, "{job}");
    assert_eq!(job["command"], json!(["/fargate/fargate-agent"]));
}

#[test]
fn an_empty_entry_point_is_none_and_the_agent_is_run_directly() {
    let job = job(Some(&TaskImage::new("alpine:3").entrypoint([""])));
    assert_eq!(job["entryPoint"], json!(["/fargate/fargate-agent"]));
    assert_eq!(job.get("command"), None, "{job}");
}

#[test]
fn the_bases_own_image_runs_the_agent_and_not_what_it_was_made_for() {
    let job = job(None);
    assert_eq!(job["image"], "registry.example.com/ci:1");
    assert_eq!(job["entryPoint"], json!(["/fargate/fargate-agent"]));
    assert_eq!(job.get("command"), None, "{job}");
    assert_eq!(job["repositoryCredentials"], json!({"credentialsParameter": "arn:credentials"}));
}

#[test]
fn the_agents_port_is_what_it_listens_on() {
    let mut agent = agent();
    agent.port = 7022;
    // What the base says of the agent's own variables does not count.
    let base = base(|d| {
        let own = json!({"name": "FARGATE_AGENT_LISTEN", "value": "0.0.0.0:1"});
        d["containerDefinitions"][1]["environment"].as_array_mut().unwrap().push(own);
    });
    let laid = laid_by(&agent, &base, &of(None)).unwrap();
    let variables = &laid["containerDefinitions"][1]["environment"];
    let listen = json!({"name": "FARGATE_AGENT_LISTEN", "value": "0.0.0.0:7022"});
    assert_eq!(variables, &json!([{"name": "A", "value": "1"}, listen]));
}

#[test]
fn the_user_of_the_base_stays_and_where_it_has_none_the_jobs_counts() {
    let image = TaskImage::new("alpine:3").user("ci");
    assert_eq!(job(Some(&image))["user"], "1000");
    let base = base(|d| drop(d["containerDefinitions"][1].as_object_mut().unwrap().remove("user")));
    let laid = laid_by(&agent(), &base, &of(Some(&image))).unwrap();
    assert_eq!(laid["containerDefinitions"][1]["user"], "ci");
}

#[test]
fn credentials_of_the_bases_registry_are_sent_to_no_other() {
    let another = job(Some(&TaskImage::new("evil.example.org/ci:1")));
    assert_eq!(another.get("repositoryCredentials"), None, "{another}");
    let hub = job(Some(&TaskImage::new("alpine")));
    assert_eq!(hub.get("repositoryCredentials"), None, "{hub}");
    let mut agent = agent();
    agent.image = TaskImage::new("public.ecr.aws/x/agent:1");
    let laid = laid_by(&agent, &base(|_| {}), &of(None)).unwrap();
    let bringer = &laid["containerDefinitions"][2];
    assert_eq!(bringer.get("repositoryCredentials"), None, "{bringer}");
}

#[test]
fn a_plain_base_needs_no_lists_of_its_own() {
    let plain = base(|d| {
        d["volumes"] = json!([]);
        d["containerDefinitions"] = json!([{"name": "ci-coordinator", "image": "ci:1"}]);
    });
    let laid = laid(&plain, Some(&TaskImage::new("alpine:3"))).unwrap();
    assert_eq!(laid["volumes"], json!([{"name": "fargate-agent"}]));
    let job = &laid["containerDefinitions"][0];
    assert_eq!(job["mountPoints"].as_array().map(Vec::len), Some(1));
    assert_eq!(job["dependsOn"].as_array().map(Vec::len), Some(1));
}

#[test]
fn a_base_that_cannot_serve_is_the_operators_to_correct() {
    type Row = (&'static str, fn(&mut Value));
    let table: [Row; 11] = [
        ("no container \"ci-coordinator\"", |d| {
            d["containerDefinitions"][1]["name"] = "app".into();
        }),
        ("no container \"ci-coordinator\"", |d| d["containerDefinitions"] = json!(null)),
        ("a container \"fargate-agent\"", |d| {
            d["containerDefinitions"][0]["name"] = AGENT.into();
        }),
        ("a volume \"fargate-agent\"", |d| d["volumes"][0]["name"] = AGENT.into()),
        ("at /fargate already", |d| {
            d["containerDefinitions"][1]["mountPoints"][0]["containerPath"] = "/fargate/".into();
        }),
        ("network mode \"bridge\"", |d| d["networkMode"] = "bridge".into()),
        ("network mode \"host\"", |d| d["networkMode"] = "host".into()),
        // What ECS takes for granted where nothing is said.
        ("network mode \"bridge\"", |d| d["networkMode"] = Value::Null),
        ("WINDOWS_SERVER_2022_CORE", |d| {
            d["runtimePlatform"]["operatingSystemFamily"] = "WINDOWS_SERVER_2022_CORE".into();
        }),
        ("the job's image has no name", |d| d["containerDefinitions"][1]["image"] = "".into()),
        ("the job's image has no name", |d| {
            d["containerDefinitions"][1]["image"] = Value::Null;
        }),
    ];
    for (words, change) in table {
        let error = laid(&base(change), None).expect_err(words);
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
        assert!(error.message().contains(words), "{words}: {error}");
        assert_eq!(error.context_value("task definition"), Some("arn:base:7"));
        assert!(error.advice().is_some());
    }
}

#[test]
fn an_image_has_as_long_a_name_as_ecs_takes_and_a_digest_does_not_count() {
    let name = |length: usize| format!("registry.example.com/{}", "a".repeat(length - 21));
    let digest = format!("@sha256:{}", "0".repeat(64));
    for good in [name(255), name(255) + &digest] {
        assert!(laid(&base(|_| {}), Some(&TaskImage::new(good))).is_ok());
    }
    for bad in [name(256), name(256) + &digest] {
        let error = laid(&base(|_| {}), Some(&TaskImage::new(bad))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
        assert!(error.message().contains("256 characters"), "{error}");
    }
    let mut agent = agent();
    agent.image = TaskImage::new(name(300));
    let error = laid_by(&agent, &base(|_| {}), &of(None)).unwrap_err();
    assert!(error.message().contains("AgentImage"), "{error}");
}
