//! Task definitions: listed, tagged, taken out of use and deleted.

use fargate_test_support::ecs::{EcsOptions, Fault, RateLimits, TaskProgram};
use serde_json::{Value, json};

use crate::client::{Client, launch, with, words};

async fn register(client: &Client, family: &str) -> String {
    let definition = json!({
        "family": family, "networkMode": "awsvpc", "cpu": "256", "memory": "512",
        "containerDefinitions": [{"name": "app", "image": "app:1"}],
        "tags": [{"key": "team", "value": "ci"}],
    });
    let answer = client.ecs("RegisterTaskDefinition", definition).await;
    answer["taskDefinition"]["taskDefinitionArn"].as_str().unwrap().to_owned()
}

async fn listed(client: &Client, op: &str, body: Value) -> Vec<String> {
    let answer = client.ecs(op, body).await;
    assert_eq!(answer.get("nextToken"), None);
    let lists = [&answer["families"], &answer["taskDefinitionArns"]];
    let all = lists.into_iter().filter_map(Value::as_array).flatten();
    all.map(|one| one.as_str().unwrap().rsplit('/').next().unwrap().to_owned()).collect()
}

async fn families(client: &Client, status: &str) -> Vec<String> {
    let body = json!({"familyPrefix": "web", "status": status});
    listed(client, "ListTaskDefinitionFamilies", body).await
}

async fn revisions(client: &Client, status: &str) -> Vec<String> {
    let body = json!({"familyPrefix": "web", "status": status});
    listed(client, "ListTaskDefinitions", body).await
}

#[tokio::test]
async fn a_revision_is_active_then_inactive_then_deleted() {
    let (_double, client) = words().await;
    let arn = register(&client, "web").await;
    register(&client, "web").await;
    register(&client, "web-2").await;
    assert_eq!(revisions(&client, "ACTIVE").await, ["web:1", "web:2"], "not those of web-2");
    client.ecs("DeregisterTaskDefinition", json!({"taskDefinition": arn})).await;
    assert_eq!(revisions(&client, "ACTIVE").await, ["web:2"]);
    assert_eq!(revisions(&client, "INACTIVE").await, ["web:1"]);
    client.ecs("DeregisterTaskDefinition", json!({"taskDefinition": "web:2"})).await;
    assert_eq!(families(&client, "ACTIVE").await, ["web-2"]);
    assert_eq!(families(&client, "INACTIVE").await, ["web"]);
    assert_eq!(families(&client, "ALL").await, ["web", "web-2"]);

    let gone = client.ecs("DeleteTaskDefinitions", json!({"taskDefinitions": [arn]})).await;
    assert_eq!(gone["failures"], json!([]));
    assert_eq!(gone["taskDefinitions"][0]["status"], "DELETE_IN_PROGRESS");
    assert_eq!(revisions(&client, "INACTIVE").await, ["web:2"]);
    assert_eq!(revisions(&client, "DELETE_IN_PROGRESS").await, ["web:1"]);
    let again = json!({"taskDefinition": arn});
    let (_, kind, message) = client.refused("DeregisterTaskDefinition", again).await;
    assert!(kind == "ClientException" && message.contains("does not exist"), "{message}");
    let next = register(&client, "web").await;
    assert!(next.ends_with("/web:3"), "a number is never used again: {next}");
}

#[tokio::test]
async fn a_deleted_definition_starts_nothing_and_its_tasks_run_on() {
    let (double, client) = words().await;
    let task = client.run(launch("key")).await;
    client.ecs("DeregisterTaskDefinition", json!({"taskDefinition": "test-task:1"})).await;
    let body = json!({"taskDefinitions": ["test-task:1"]});
    assert_eq!(client.ecs("DeleteTaskDefinitions", body).await["failures"], json!([]));
    let (_, _, message) = client.refused("RunTask", launch("key")).await;
    assert_eq!(message, "TaskDefinition is inactive");
    double.wait_for(&task, "RUNNING").await;
    let in_use = json!({"cluster": "test-cluster", "family": "test-task"});
    assert_eq!(client.ecs("ListTasks", in_use).await["taskArns"], json!([task]));
    let other = json!({"cluster": "test-cluster", "family": "sidecar-task"});
    assert_eq!(client.ecs("ListTasks", other).await["taskArns"], json!([]));
}

#[tokio::test]
async fn what_cannot_be_deleted_is_named_and_the_rest_is_deleted() {
    let (_double, client) = words().await;
    for _ in 0..2 {
        register(&client, "web").await;
    }
    client.ecs("DeregisterTaskDefinition", json!({"taskDefinition": "web:1"})).await;
    let body = json!({"taskDefinitions": ["web:1", "web:2", "web:3", "web"]});
    let answer = client.ecs("DeleteTaskDefinitions", body).await;
    assert_eq!(answer["taskDefinitions"].as_array().unwrap().len(), 1);
    let failures = answer["failures"].as_array().unwrap();
    let said = [("web:2", "ACTIVE status"), ("web:3", "does not exist"), ("web", "identifier")];
    for (failure, (name, words)) in failures.iter().zip(said) {
        assert_eq!(failure["arn"], name);
        assert!(failure["reason"].as_str().unwrap().contains(words), "{failure}");
    }
    assert_eq!(failures.len(), 3);
    let many: Vec<String> = (1..=11).map(|n| format!("web:{n}")).collect();
    for names in [many, vec![]] {
        let body = json!({"taskDefinitions": names});
        let (_, kind, _) = client.refused("DeleteTaskDefinitions", body).await;
        assert_eq!(kind, "InvalidParameterException");
    }
}

#[tokio::test]
async fn lists_of_definitions_come_in_pages() {
    let (_double, client) = words().await;
    for n in 0..5 {
        register(&client, &format!("web-{n}")).await;
    }
    let mut found = Vec::new();
    let mut body = json!({"familyPrefix": "web-", "maxResults": 2});
    for size in [2, 2, 1] {
        let answer = client.ecs("ListTaskDefinitionFamilies", body.clone()).await;
        let page = answer["families"].as_array().unwrap().clone();
        assert_eq!(page.len(), size);
        found.extend(page);
        body["nextToken"] = answer["nextToken"].clone();
    }
    assert_eq!(found, ["web-0", "web-1", "web-2", "web-3", "web-4"]);
    assert_eq!(body["nextToken"], Value::Null);
    for (op, body) in [
        ("ListTaskDefinitionFamilies", json!({"maxResults": 101})),
        ("ListTaskDefinitionFamilies", json!({"status": "DELETE_IN_PROGRESS"})),
        ("ListTaskDefinitions", json!({"status": "ALL"})),
    ] {
        client.refused(op, body).await;
    }
}

#[tokio::test]
async fn a_definition_can_be_tagged_again() {
    let (double, client) = words().await;
    let arn = register(&client, "web").await;
    let tag = |value: &str| json!({"resourceArn": arn, "tags": [{"key": "used", "value": value}]});
    client.ecs("TagResource", tag("1")).await;
    client.ecs("TagResource", tag("2")).await;
    let tags = json!([{"key": "team", "value": "ci"}, {"key": "used", "value": "2"}]);
    let body = json!({"taskDefinition": "web", "include": ["TAGS"]});
    assert_eq!(client.ecs("DescribeTaskDefinition", body).await["tags"], tags);
    let body = json!({"resourceArn": arn});
    assert_eq!(client.ecs("ListTagsForResource", body).await["tags"], tags);

    let mut nobodys = tag("3");
    nobodys["resourceArn"] = arn.replace("web:1", "web:9").into();
    assert_eq!(client.refused("TagResource", nobodys).await.1, "InvalidParameterException");
    double.inject(Fault::DenyTags);
    assert_eq!(client.refused("TagResource", tag("3")).await.1, "AccessDeniedException");
}

#[tokio::test]
async fn deleting_has_a_bucket_of_its_own() {
    let rate_limits = Some(RateLimits::aws());
    let options = EcsOptions { program: TaskProgram::None, rate_limits, ..EcsOptions::default() };
    let (_double, client) = with(options).await;
    let body = json!({"taskDefinitions": ["web:1"]});
    let mut passed = 0;
    while client.raw("DeleteTaskDefinitions", &body).await.unwrap().status == 200 {
        passed += 1;
    }
    assert!(passed >= 5, "{passed}");
}
