//! The helper container and the services, and what all containers have in common.

use fargate_core::PullPolicy;

use super::*;

fn with_helper() -> AgentSetup {
    let mut agent = agent();
    agent.helper = Some(TaskImage::new("registry.example.com/helper:1"));
    agent
}

fn postgres() -> TaskService {
    TaskService::new("postgres", TaskImage::new("postgres:16")).alias("postgres").alias("db")
}

fn with_services(services: impl IntoIterator<Item = TaskService>) -> TaskNeeds {
    let mut needs = of(Some(&TaskImage::new("alpine:3")));
    needs.services = services.into_iter().collect();
    needs
}

/// The container of that name.
fn container<'a>(laid: &'a Value, name: &str) -> &'a Value {
    let all = laid["containerDefinitions"].as_array().unwrap();
    all.iter().find(|one| one["name"] == name).unwrap()
}

fn refusal(agent: &AgentSetup, base: &Base, needs: &TaskNeeds) -> String {
    let error = laid_by(agent, base, needs).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
    assert!(error.advice().is_some());
    assert_eq!(error.context_value("task definition"), Some("arn:base:7"));
    error.message().to_owned()
}

#[test]
fn the_helper_has_an_agent_of_its_own_and_the_volumes_of_the_job() {
    let laid = laid_by(&with_helper(), &base(|_| {}), &with_services([postgres()])).unwrap();
    let wanted = json!({
        "name": "fargate-helper", "image": "registry.example.com/helper:1", "essential": true,
        "entryPoint": ["/fargate/fargate-agent"],
        "environment": [
            {"name": "FARGATE_AGENT_HOSTS", "value": "postgres db"},
            {"name": "FARGATE_AGENT_LISTEN", "value": "0.0.0.0:2223"},
            {"name": "FARGATE_AGENT_PATH", "value": "/fargate/bin"},
            {"name": "FARGATE_AGENT_UMASK", "value": "000"},
        ],
        "repositoryCredentials": {"credentialsParameter": "arn:credentials"},
        "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "ci"}},
        "mountPoints": [
            {"sourceVolume": "cache", "containerPath": "/cache"},
            {"sourceVolume": "fargate-agent", "containerPath": "/fargate", "readOnly": true},
            {"sourceVolume": "fargate-shared-1", "containerPath": "/builds", "readOnly": false},
        ],
        "dependsOn": [{"containerName": "fargate-agent", "condition": "SUCCESS"}],
    });
    assert_eq!(container(&laid, "fargate-helper"), &wanted);
    let job = container(&laid, "ci-coordinator");
    assert_eq!(job["mountPoints"], wanted["mountPoints"]);
    let hosts = json!({"name": "FARGATE_AGENT_HOSTS", "value": "postgres db"});
    assert!(job["environment"].as_array().unwrap().contains(&hosts), "{job}");
}

#[test]
fn what_the_base_mounts_in_a_shared_directory_stays_and_is_shared() {
    let volumes = |change: fn(&mut Value)| {
        laid_by(&with_helper(), &base(change), &of(None)).unwrap()["volumes"].clone()
    };
    // The base has a file system at /cache.
    let efs = json!({"name": "cache", "efsVolumeConfiguration": {"fileSystemId": "fs-1"}});
    let agent = json!({"name": "fargate-agent"});
    assert_eq!(volumes(|_| {}), json!([efs, agent, {"name": "fargate-shared-1"}]));
    let without = volumes(|d| d["containerDefinitions"][1]["mountPoints"] = json!([]));
    assert_eq!(
        without,
        json!([efs, agent, {"name": "fargate-shared-1"}, {"name": "fargate-shared-2"}])
    );
    let builds = volumes(|d| {
        d["containerDefinitions"][1]["mountPoints"][0]["containerPath"] = "/builds/".into();
    });
    assert_eq!(builds, json!([efs, agent, {"name": "fargate-shared-2"}]));
}

#[test]
fn without_a_helper_nothing_is_shared() {
    let laid = laid_by(&agent(), &base(|_| {}), &with_services([postgres()])).unwrap();
    let names: Vec<_> =
        laid["volumes"].as_array().unwrap().iter().map(|one| one["name"].clone()).collect();
    assert_eq!(names, ["cache", "fargate-agent"]);
}

#[test]
fn a_service_runs_as_its_image_has_it_beside_the_job() {
    let plain = postgres().variable("POSTGRES_PASSWORD", "hunter2").port(5432);
    let image = TaskImage::new("registry.example.com/own/db:1")
        .entrypoint(["/init", "-v"])
        .user("70")
        .pull_secret("arn:of-the-service");
    let own = TaskService::new("own-db", image).command(["serve", "--fast"]);
    let laid = laid_by(&agent(), &base(|_| {}), &with_services([plain, own])).unwrap();
    let log = json!({"logDriver": "awslogs", "options": {"awslogs-group": "ci"}});
    assert_eq!(
        container(&laid, "postgres"),
        &json!({
            "name": "postgres", "image": "postgres:16", "essential": false,
            "logConfiguration": log,
        })
    );
    assert_eq!(
        container(&laid, "own-db"),
        &json!({
            "name": "own-db", "image": "registry.example.com/own/db:1", "essential": false,
            "entryPoint": ["/init", "-v"], "command": ["serve", "--fast"], "user": "70",
            "logConfiguration": log,
            "repositoryCredentials": {"credentialsParameter": "arn:of-the-service"},
        })
    );
    assert!(!laid.to_string().contains("hunter2"), "variables differ from job to job");
    let after = |name: &str, condition| json!({"containerName": name, "condition": condition});
    let first = [
        ("sidecar", "START"),
        ("fargate-agent", "SUCCESS"),
        ("postgres", "START"),
        ("own-db", "START"),
    ];
    let first: Vec<_> = first.into_iter().map(|(name, condition)| after(name, condition)).collect();
    assert_eq!(container(&laid, "ci-coordinator")["dependsOn"], json!(first));
}

#[test]
fn a_service_without_an_entry_point_runs_its_command_alone() {
    let service = TaskService::new("db", TaskImage::new("db:1").entrypoint([""]));
    let laid =
        |service: TaskService| laid_by(&agent(), &base(|_| {}), &with_services([service])).unwrap();
    let with = laid(service.clone().command(["serve", "-v"]));
    assert_eq!(container(&with, "db")["entryPoint"], json!(["serve", "-v"]));
    assert_eq!(container(&with, "db").get("command"), None);
    assert_eq!(container(&laid(service), "db")["entryPoint"], json!([""]));
}

#[test]
fn what_is_said_of_an_image_lets_ecs_pull_it_before_what_the_base_says() {
    let image = TaskImage::new("registry.example.com/group/app:3").pull_secret("arn:of-the-job");
    let job = job(Some(&image));
    assert_eq!(job["repositoryCredentials"], json!({"credentialsParameter": "arn:of-the-job"}));
    let elsewhere = TaskImage::new("other.example.com/app:3").pull_secret("arn:of-the-job");
    let job = super::job(Some(&elsewhere));
    assert_eq!(job["repositoryCredentials"], json!({"credentialsParameter": "arn:of-the-job"}));
}

#[test]
fn the_platform_of_the_images_is_that_of_the_task() {
    let on = |platform: &str| Some(TaskImage::new("alpine:3").platform(platform));
    let architecture = |image: Option<TaskImage>, change: fn(&mut Value)| {
        laid(&base(change), image.as_ref()).unwrap()["runtimePlatform"].clone()
    };
    let linux = |name: &str| json!({"cpuArchitecture": name, "operatingSystemFamily": "LINUX"});
    assert_eq!(architecture(None, |_| {}), linux("ARM64"));
    assert_eq!(architecture(on("linux/amd64"), |_| {}), linux("X86_64"));
    for arm in ["linux/arm64", "linux/arm64/v8"] {
        assert_eq!(architecture(on(arm), |d| d["runtimePlatform"] = Value::Null), linux("ARM64"));
    }
    assert_eq!(architecture(None, |d| d["runtimePlatform"] = Value::Null), Value::Null);

    let error = laid(&base(|_| {}), on("windows/amd64").as_ref()).unwrap_err();
    assert!(error.message().contains("\"windows/amd64\""), "{error}");
    assert!(error.advice().unwrap().contains("linux/arm64"), "{error}");
    let mut needs = with_services([postgres()]);
    needs.services[0].image.platform = Some("linux/arm64".to_owned());
    assert!(laid_by(&agent(), &base(|_| {}), &needs).is_ok());
    needs.image = on("linux/amd64");
    assert!(refusal(&agent(), &base(|_| {}), &needs).contains("different platforms"));
}

#[test]
fn a_name_that_is_taken_is_refused() {
    let named = |name: &str| with_services([TaskService::new(name, TaskImage::new("a:1"))]);
    for (name, words) in [
        ("sidecar", "\"sidecar\" has the name of a container of the task definition"),
        ("ci-coordinator", "of a container of the task definition"),
        ("fargate-agent", "of a container that comes with the agent"),
        ("fargate-helper", "of a container that comes with the agent"),
    ] {
        let said = refusal(&agent(), &base(|_| {}), &named(name));
        assert!(said.contains(words), "{said}");
    }
    let twice = with_services([postgres(), postgres()]);
    assert!(refusal(&agent(), &base(|_| {}), &twice).contains("name of another service"));

    let taken = |d: &mut Value| d["containerDefinitions"][0]["name"] = AgentSetup::HELPER.into();
    assert!(refusal(&with_helper(), &base(taken), &of(None)).contains("\"fargate-helper\""));
    assert!(laid_by(&agent(), &base(taken), &of(None)).is_ok(), "without a helper it is free");
    let taken = |d: &mut Value| d["volumes"][0]["name"] = "fargate-shared-1".into();
    assert!(refusal(&with_helper(), &base(taken), &of(None)).contains("\"fargate-shared-1\""));
}

#[test]
fn more_containers_than_ecs_takes_are_refused() {
    let services = |count: usize| {
        let one = |n| TaskService::new(format!("service-{n}"), TaskImage::new("a:1"));
        with_services((0..count).map(one))
    };
    // The base has two, and the agent comes in one.
    assert!(laid_by(&agent(), &base(|_| {}), &services(7)).is_ok());
    let said = refusal(&agent(), &base(|_| {}), &services(8));
    assert!(said.contains("11 containers; ECS takes 10"), "{said}");
}

#[test]
fn names_of_images_that_ecs_does_not_take_are_told_apart() {
    let long = || TaskImage::new("a".repeat(256));
    let mut agent = agent();
    agent.helper = Some(long());
    assert!(refusal(&agent, &base(|_| {}), &of(None)).starts_with("HelperImage has a name of 256"));
    let needs = with_services([TaskService::new("db", long())]);
    let said = refusal(&super::agent(), &base(|_| {}), &needs);
    assert!(said.starts_with("the image of the service \"db\" has a name of 256"), "{said}");
}

/// Fargate pulls for every task.
#[test]
fn a_pull_policy_makes_no_other_definition() {
    let with = |policy: PullPolicy| {
        let mut needs = with_services([postgres()]);
        for image in
            needs.image.iter_mut().chain(needs.services.iter_mut().map(|one| &mut one.image))
        {
            image.pull_policy = Some(policy);
        }
        laid_by(&with_helper(), &base(|_| {}), &needs).unwrap()
    };
    let plain = laid_by(&with_helper(), &base(|_| {}), &with_services([postgres()])).unwrap();
    for policy in [PullPolicy::Always, PullPolicy::IfNotPresent, PullPolicy::Never] {
        assert_eq!(with(policy), plain, "{policy:?}");
    }
}
