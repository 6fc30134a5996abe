//! Images of real programs, as the containers of a task.

use fargate_test_support::images::{crashing, holding, never_ready, postgres, postgres_client};
use serde_json::json;

use crate::images::{Containers, container, script, with_fields};

fn service(name: &str, image: &str, environment: &serde_json::Value) -> serde_json::Value {
    json!({"name": name, "image": image, "essential": false, "environment": environment})
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_takes_its_user_password_and_name_from_its_variables() {
    let (server, client) = (postgres(), postgres_client());
    let world = Containers::with(|_| {
        [("server", server.root()), ("client", client.root())]
            .map(|(name, image)| (name.to_owned(), image))
            .into()
    })
    .await;
    let environment = json!([
        {"name": "POSTGRES_USER", "value": "ci"},
        {"name": "POSTGRES_PASSWORD", "value": "it's secret"},
        {"name": "POSTGRES_DB", "value": "app"},
    ]);
    let look = "export PGCONNECT_TIMEOUT=5; q=\"psql -h 127.0.0.1 -U ci -At\"; \
                for i in $(seq 300); do $q app -c 'select 1' 2>&1 | grep -q refused || break; sleep 0.2; done; \
                PGPASSWORD=wrong $q app -c 'select 2' 2>&1; \
                PGPASSWORD=\"it's secret\" $q app -c 'select current_user, current_database(), 6*7'";
    let client = with_fields(script("main", look), json!({"image": "client"}));
    let arn = world.run(&[], json!([client, service("db", "server", &environment)])).await;
    let task = world.stopped(&arn).await;
    let log = world.double.container_log(&arn, "main");
    let server = world.double.container_log(&arn, "db");
    assert_eq!(container(&task, "main")["exitCode"], 0, "{log}\n{server}");
    assert!(log.contains("password authentication failed"), "{log}");
    assert!(log.ends_with("\nci|app|42\n"), "{log}");
    assert!(!server.contains("secret"), "{server}");
}

#[tokio::test(flavor = "multi_thread")]
async fn services_of_which_something_is_wrong_are_as_they_say() {
    let images = [
        ("mute", never_ready()),
        ("dead", crashing()),
        ("bare", postgres()),
        ("held", holding(6379)),
    ];
    let world = Containers::with(|busybox| {
        let services = images.iter().map(|(name, image)| ((*name).to_owned(), image.root()));
        services.chain([("busybox".to_owned(), busybox)]).collect()
    })
    .await;
    let look = "for i in $(seq 300); do nc 127.0.0.1 6379 </dev/null && exit 9; sleep 0.2; done";
    let services = images.iter().map(|(name, _)| service(name, name, &json!([])));
    let ended = ["dead", "bare"];
    let ended = ended.map(|name| json!({"containerName": name, "condition": "COMPLETE"}));
    let main = with_fields(script("main", look), json!({"dependsOn": ended}));
    let all: Vec<_> = [main].into_iter().chain(services).collect();
    let arn = world.run(&[], json!(all)).await;
    let task = world.stopped(&arn).await;
    assert_eq!(container(&task, "main")["exitCode"], 9, "{task:#}");
    assert_eq!(container(&task, "dead")["exitCode"], 3);
    let log = |name: &str| world.double.container_log(&arn, name);
    assert!(log("dead").ends_with("FATAL: no space left for the journal\n"));
    assert!(log("bare").contains("superuser password is not specified"));
    assert!(log("mute").ends_with("waiting for a licence\n"));
}
