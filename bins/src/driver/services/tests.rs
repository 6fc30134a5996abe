use serde_json::{Value, json};

use super::*;
use crate::driver::testing::{authors as refusal, request, settings};

const ECS: &str = "[Fargate]\nAgentImage = 'a:1'\n[Policy]\nAllowedServices = ['**']\n";
const EKS: &str =
    "Backend = 'eks'\n[EKS]\nAgentImage = 'a:1'\n[Policy]\nAllowedServices = ['**']\n";

fn of(config: &str, services: &Value, variables: &Value) -> Result<Services, Refusal> {
    let settings = settings(config);
    let request = request(&json!({"id": 7, "services": services, "variables": variables}));
    choose(&settings, &Policy::of(&settings, request.source())?, &request)
}

fn chosen(config: &str, services: &Value) -> Result<Vec<TaskService>, Refusal> {
    let services = of(config, services, &json!([]))?;
    Ok(services.chosen.into_iter().map(|one| one.service).collect())
}

#[test]
fn a_service_is_what_the_job_says_of_it() {
    let asked = json!([{"name": "r.example.com:5000/db/postgres:16", "alias": "db,PG_main",
        "entrypoint": [""], "command": ["-c", "fsync=off"], "pull_policy": "always",
        "executor_opts": {"docker": {"platform": "linux/amd64", "user": "postgres"}},
        "variables": [{"key": "POSTGRES_DB", "value": "app"}]}]);
    let service = chosen(ECS, &asked).unwrap().remove(0);
    assert_eq!((service.name.as_str(), service.port), ("db", Some(5432)));
    assert_eq!(
        service.aliases,
        ["r.example.com__db__postgres", "r.example.com-db-postgres", "db", "PG_main"]
    );
    assert_eq!((service.image.entrypoint.len(), service.command.len()), (1, 2));
    assert_eq!(service.image.platform.as_deref(), Some("linux/amd64"));
    assert_eq!(service.image.user.as_deref(), Some("postgres"));
    assert_eq!(service.variables["POSTGRES_DB"], "app");
}

#[test]
fn a_pod_gets_the_user_that_kubernetes_takes() {
    let options = json!({"docker": {"user": "postgres"}, "kubernetes": {"user": "1000:1000"}});
    let asked = json!([{"name": "db/postgres:16", "alias": "db", "executor_opts": options}]);
    let service = chosen(EKS, &asked).unwrap().remove(0);
    assert_eq!(service.aliases, ["db__postgres", "db-postgres", "db"]);
    assert_eq!(service.image.user.as_deref(), Some("1000:1000"));
    for (wrong, word) in [
        (json!({"name": "a", "executor_opts": {"kubernetes": {"user": "ci"}}}), "no number"),
        (json!({"name": "a", "executor_opts": {"kubernetes": {"user": "+1"}}}), "no number"),
        (json!({"name": "a", "executor_opts": {"docker": {"platform": "linux/arm64"}}}), "arm64"),
    ] {
        let error = refusal(chosen(EKS, &json!([wrong])));
        assert!(error.message().contains(word), "{error}");
    }
}

#[test]
fn containers_have_names_of_their_own() {
    let long = "x".repeat(60);
    let asked = json!([
        {"name": "a/my_redis:1"}, {"name": "b/my.redis:1"}, {"name": "c", "alias": "My-Redis"},
        {"name": "d", "alias": "fargate-agent"}, {"name": "e", "alias": "___"},
        {"name": "f", "alias": long},
    ]);
    let one_more = ECS.replace("AgentImage", "HelperImage = ''\nAgentImage");
    let names: Vec<_> =
        chosen(&one_more, &asked).unwrap().into_iter().map(|service| service.name).collect();
    let cut = "x".repeat(46);
    let expected =
        ["my-redis", "my-redis-2", "my-redis-3", "fargate-agent-2", "service", cut.as_str()];
    assert_eq!(names, expected);
}

#[test]
fn services_that_nobody_allows_are_not_run_and_the_author_is_told() {
    let asked = json!([{"name": "postgres:16"}, {"name": "redis"}]);
    for (config, why) in [
        ("[Fargate]\nAgentImage = 'a:1'\n", "Policy.AllowedServices is not set"),
        ("", "Fargate.AgentImage is not set"),
        ("[Fargate]\nAgentImage = 'a'\nMode = 'sshd'\n", "Fargate.Mode is \"sshd\""),
        ("Backend = 'eks'\n", "EKS.AgentImage is not set"),
        ("Backend = 'local'\n[Policy]\nAllowedServices = ['**']\n", "tasks on this machine"),
    ] {
        let services = of(config, &asked, &json!([])).unwrap();
        assert!(services.chosen.is_empty());
        let note = services.note.unwrap();
        assert!(note.starts_with("The job's services (postgres:16, redis) are not run"), "{note}");
        assert!(note.contains(why), "{note}");
        for none in [json!([]), json!(null), json!("odd")] {
            assert_eq!(of(config, &none, &json!([])).unwrap().note, None);
        }
    }
}

#[test]
fn a_service_that_is_not_allowed_is_refused_with_the_key_or_the_rule() {
    let asked = json!([{"name": "postgres:16"}, {"name": "evil:1"}]);
    let config = ECS.replace("'**'", "'postgres:*', 'redis:*'");
    let error = refusal(chosen(&config, &asked));
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    assert!(error.message().contains("evil:1"), "{error}");
    assert_eq!(error.context_value("allowed"), Some("postgres:*, redis:*"));
    assert_eq!(error.context_value("rule"), Some("Policy.AllowedServices"));
    assert!(error.advice().is_some_and(|hint| hint.contains("AllowedServices")));
    let rule = format!("{ECS}[[Policy.Rules]]\nName = 'all'\nAllowedServices = ['postgres:*']\n");
    let error = refusal(chosen(&rule, &asked));
    assert_eq!(error.context_value("rule"), Some("AllowedServices of rule \"all\""));
}

#[test]
fn a_service_that_cannot_be_is_the_authors_error() {
    let same = json!([{"name": "a", "alias": "db"}, {"name": "b", "alias": "DB"}]);
    let ports = json!([{"name": "postgres:16"}, {"name": "x/postgis:3", "alias": "other"}]);
    let port = |port: &str| json!([{"name": "a", "variables": [{"key": "HEALTHCHECK_TCP_PORT", "value": port}]}]);
    let many: Vec<_> = (0..8).map(|at| json!({"name": format!("a{at}")})).collect();
    for (asked, words) in [
        (json!([{"name": "a"}, {"alias": "db"}]), "service 2 has no image"),
        (json!([{"name": "a b"}]), "no image's name"),
        (json!([{"name": "a".repeat(300)}]), "255"),
        (json!([{"name": "a", "alias": "-db"}]), "no host name"),
        (json!([{"name": "a", "alias": "127.0.0.1"}]), "no host name"),
        (json!([{"name": "a", "alias": "db;rm"}]), "no host name"),
        (json!([{"name": "a", "alias": "a".repeat(64)}]), "no host name"),
        (same, "two services have the alias"),
        (ports, "both listen on port 5432"),
        (port("2222"), "2222, which the task's agent has"),
        (port("2223"), "2223, which the task's agent has"),
        (port("0"), "no port"),
        (port("65536"), "no port"),
        (port("http"), "no port"),
        (json!(many), "room for 7"),
        (json!([{"name": "a", "entrypoint": ["", "x"]}]), "entrypoint"),
        (json!([{"name": "a", "command": ["x".repeat(70_000)]}]), "command"),
        (json!([{"name": "a", "pull_policy": "often"}]), "pull policy"),
        (
            json!([{"name": "a", "variables": [{"key": "A", "value": "\u{0}"}]}]),
            "variable A has a zero byte",
        ),
        (
            json!([{"name": "a", "executor_opts": {"docker": {"platform": "windows/amd64"}}}]),
            "neither linux/amd64 nor linux/arm64",
        ),
        (json!([{"name": "a", "executor_opts": {"docker": {"user": "a b"}}}]), "no name or number"),
    ] {
        let error = refusal(chosen(ECS, &asked));
        assert!(error.message().contains(words), "{error}");
        assert!(error.advice().is_some(), "{error}");
    }
    let moved = ECS.replace("[Policy]", "AgentPort = 5431\n[Policy]");
    let error = refusal(chosen(&moved, &json!([{"name": "postgres"}])));
    assert!(error.message().contains("5432"), "the helper's agent: {error}");
}

#[test]
fn an_image_with_a_digest_or_a_registrys_port_is_a_good_service() {
    let digest = format!("redis@sha256:{}", "0".repeat(64));
    let long = format!("r.example.com/{}/{}", "a".repeat(120), "b".repeat(120));
    for image in [digest.as_str(), "r.example.com:5000/redis:7", &long] {
        assert_eq!(chosen(ECS, &json!([{"name": image}])).unwrap()[0].image.name, image);
    }
}

#[test]
fn the_port_is_the_services_word_then_the_jobs_then_what_is_known_of_its_image() {
    let job = json!([{"key": "HEALTHCHECK_TCP_PORT", "value": "8080"}]);
    let own = json!([{"key": "HEALTHCHECK_TCP_PORT", "value": "5433"}]);
    let port = |service: Value, variables: &Value| {
        of(ECS, &json!([service]), variables).unwrap().chosen[0].service.port
    };
    assert_eq!(port(json!({"name": "postgres", "variables": own}), &job), Some(5433));
    assert_eq!(port(json!({"name": "postgres"}), &job), Some(8080));
    for (image, known) in [
        ("postgres:16", Some(5432)),
        ("r.example.com:5000/x/redis@sha256:00000000000000000000000000000000", Some(6379)),
        ("mariadb", Some(3306)),
        ("my-postgres", None),
        ("alpine", None),
    ] {
        assert_eq!(port(json!({"name": image}), &json!([])), known, "{image}");
    }
    // One word for all services says nothing of where each listens.
    let both = of(ECS, &json!([{"name": "a"}, {"name": "b"}]), &job).unwrap();
    assert_eq!(both.chosen[1].service.port, Some(8080));
}

#[test]
fn a_masked_value_is_not_shown() {
    let variables = json!([{"key": "T", "value": "hunter2", "masked": true}]);
    let config = ECS.replace("'**'", "'redis'");
    for asked in [
        json!([{"name": "evil/$T"}]),
        json!([{"name": "redis", "alias": "$T/"}]),
        json!([{"name": "redis", "variables": [{"key": "HEALTHCHECK_TCP_PORT", "value": "$T"}]}]),
    ] {
        let error = refusal(of(&config, &asked, &variables));
        assert!(error.message().contains("[MASKED]"), "{error}");
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    }
}

#[test]
fn services_get_what_the_author_wrote_and_over_it_their_own() {
    let variables = json!([{"key": "POSTGRES_DB", "value": "job", "public": true},
        {"key": "POSTGRES_USER", "value": "ci", "public": true},
        {"key": "SECRET", "value": "hunter2"}]);
    let asked =
        json!([{"name": "postgres", "variables": [{"key": "POSTGRES_DB", "value": "own"}]}]);
    let services = of(ECS, &asked, &variables).unwrap();
    let given = &services.chosen[0].service.variables;
    let given: Vec<_> = given.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(given, ["POSTGRES_DB=own", "POSTGRES_USER=ci"]);
    assert_eq!(services.note, None);
}

#[test]
fn services_get_their_own_variables_alone_where_there_is_no_room_for_the_jobs() {
    let variables = json!([{"key": "LARGE", "value": "x".repeat(4000), "public": true}]);
    let own = |length: usize| {
        let value = "x".repeat(length);
        json!([{"name": "a", "variables": [{"key": "OWN", "value": value}]}, {"name": "b"}])
    };
    let services = of(ECS, &own(1), &variables).unwrap();
    assert!(services.note.is_some_and(|note| note.starts_with("WARNING: services get only")));
    assert_eq!(services.chosen[0].service.variables.len(), 1);
    assert!(services.chosen[1].service.variables.is_empty());
    let error = refusal(of(ECS, &own(5900), &variables));
    assert!(error.message().contains("more than 5900 characters"), "{error}");
    let roomy = of(EKS, &own(7000), &variables).unwrap();
    assert_eq!((roomy.note, roomy.chosen[1].service.variables.len()), (None, 1));
}
