//! The double refuses what AWS refuses, and remembers what AWS remembers.

use std::collections::BTreeSet;

use aws_credential_types::Credentials;
use fargate_test_support::ecs::{AssumableRole, EcsOptions, Fault, TaskProgram};
use serde_json::{Value, json};

use crate::client::{Client, launch, with, words};

/// A launch with one thing changed.
fn altered(pointer: &str, value: Value) -> Value {
    let mut request = launch("key");
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    request.pointer_mut(parent).unwrap()[name] = value;
    request
}

#[tokio::test]
async fn launches_that_are_refused() {
    let (double, client) = words().await;
    let vpc = "/networkConfiguration/awsvpcConfiguration";
    let many: Vec<Value> = (0..51).map(|n| json!({"key": format!("k{n}"), "value": "v"})).collect();
    let cases = [
        (altered("/cluster", json!("other")), "ClusterNotFoundException", "Cluster not found."),
        (altered("/taskDefinition", json!("test-task:2")), "ClientException", "TaskDefinition not"),
        (altered("/count", json!(11)), "InvalidParameterException", "count"),
        (altered("/networkConfiguration", Value::Null), "InvalidParameterException", "awsvpc"),
        (altered(&format!("{vpc}/subnets"), json!([])), "InvalidParameterException", "subnets can"),
        (
            altered(&format!("{vpc}/subnets"), json!(["subnet-1"])),
            "InvalidParameterException",
            "InvalidSubnetID.NotFound",
        ),
        (
            altered(&format!("{vpc}/securityGroups"), json!(["sg-1"])),
            "InvalidParameterException",
            "InvalidGroup.NotFound",
        ),
        (
            altered("/overrides/containerOverrides", json!([{"name": "nobody"}])),
            "InvalidParameterException",
            "Override for container named nobody is not a container in the TaskDefinition.",
        ),
        (altered("/overrides/cpu", json!("999")), "ClientException", "No Fargate configuration"),
        (
            altered(
                "/overrides/containerOverrides/0/environment",
                json!([
                    {"name": "SSH_PUBLIC_KEY", "value": "x".repeat(9000)},
                ]),
            ),
            "InvalidParameterException",
            "at most 8192",
        ),
        (altered("/platformVersion", json!("9.9.9")), "PlatformUnknownException", "platform"),
        (altered("/launchType", json!("EC2")), "InvalidParameterException", "No Container Inst"),
        (
            altered("/capacityProviderStrategy", json!([{"capacityProvider": "mine"}])),
            "InvalidParameterException",
            "capacity provider mine",
        ),
        (altered("/tags", json!(many)), "InvalidParameterException", "50"),
        (
            altered("/tags", json!([{"key": "a*b", "value": ""}])),
            "InvalidParameterException",
            "a*b",
        ),
        (altered("/startedBy", json!("a b")), "InvalidParameterException", "startedBy"),
        (altered("/clientToken", json!("x".repeat(65))), "InvalidParameterException", "64"),
    ];
    for (request, kind, words) in cases {
        let refused = client.refused("RunTask", request).await;
        assert_eq!((refused.0, refused.1.as_str()), (400, kind), "{}", refused.2);
        assert!(refused.2.contains(words), "{} has no {words}", refused.2);
    }
    assert_eq!(double.tasks(), []);
}

#[tokio::test]
async fn without_a_default_provider_a_launch_must_name_one() {
    let options = EcsOptions {
        program: TaskProgram::None,
        default_capacity_provider: false,
        ..EcsOptions::default()
    };
    let (double, client) = with(options).await;
    let (_, kind, message) = client.refused("RunTask", launch("key")).await;
    assert_eq!(kind, "InvalidParameterException");
    assert_eq!(message, "No Container Instances were found in your cluster.");
    client.run(altered("/launchType", json!("FARGATE"))).await;
    let spot = json!([{"capacityProvider": "FARGATE_SPOT"}]);
    client.run(altered("/capacityProviderStrategy", spot)).await;
    let providers: Vec<_> = double.tasks().into_iter().map(|task| task.capacity_provider).collect();
    assert_eq!(providers, [None, Some("FARGATE_SPOT".to_owned())]);
}

#[tokio::test]
async fn a_client_token_stands_for_one_launch() {
    let (double, client) = words().await;
    let request = altered("/clientToken", json!("token-1"));
    let (first, second) = tokio::join!(client.run(request.clone()), client.run(request.clone()));
    assert_eq!(first, second);
    let mut other = request.clone();
    other["overrides"]["cpu"] = "512".into();
    other["overrides"]["memory"] = "1024".into();
    let answer = client.raw("RunTask", &other).await.unwrap();
    let error: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!((answer.status, &error["__type"]), (400, &json!("ConflictException")));
    assert_eq!(error["resourceIds"], json!([first]));
    // A stopped task does not come to life again.
    client.stop(&first).await;
    double.wait_for(&first, "STOPPED").await;
    let again = client.ecs("RunTask", request).await;
    assert_eq!(again["tasks"][0]["taskArn"], first);
    assert_eq!(again["tasks"][0]["lastStatus"], "STOPPED");
    assert_eq!(double.tasks().len(), 1);
}

#[tokio::test]
async fn tasks_are_found_by_who_started_them() {
    let (double, client) = words().await;
    let mut mine = BTreeSet::new();
    for number in 0..5 {
        let owner = if number == 2 { "other" } else { "runner-1" };
        let arn = client.run(altered("/startedBy", json!(owner))).await;
        if number != 2 {
            mine.insert(arn);
        }
    }
    let mut found = BTreeSet::new();
    let mut query = json!({"cluster": "test-cluster", "startedBy": "runner-1", "maxResults": 3});
    loop {
        let page = client.ecs("ListTasks", query.clone()).await;
        let arns = page["taskArns"].as_array().unwrap().clone();
        assert!(arns.len() <= 3);
        found.extend(arns.iter().map(|arn| arn.as_str().unwrap().to_owned()));
        match page.get("nextToken") {
            Some(next) => query["nextToken"] = next.clone(),
            None => break,
        }
    }
    assert_eq!(found, mine);
    let stopped = mine.pop_first().unwrap();
    client.stop(&stopped).await;
    let list = json!({"cluster": "test-cluster", "startedBy": "runner-1"});
    let arns = client.ecs("ListTasks", list).await["taskArns"].take();
    assert!(!arns.as_array().unwrap().contains(&json!(stopped)));
    let list = json!({"cluster": "test-cluster", "desiredStatus": "STOPPED"});
    assert_eq!(client.ecs("ListTasks", list).await["taskArns"], json!([stopped]));
    for (filter, value) in [("family", "test-task"), ("desiredStatus", "STOPPED")] {
        let mut two = json!({"cluster": "test-cluster", "startedBy": "runner-1"});
        two[filter] = value.into();
        let (_, kind, message) = client.refused("ListTasks", two).await;
        assert!(kind.contains("InvalidParameterException"), "{kind}");
        assert!(message.contains("only filter"), "{message}");
    }
    drop(double);
}

#[tokio::test]
async fn tags_are_shown_to_who_asks() {
    let (_double, client) = words().await;
    let arn = client.run(altered("/tags", json!([{"key": "a", "value": "1"}]))).await;
    let more = json!({"resourceArn": arn, "tags": [{"key": "b", "value": "2"}]});
    client.ecs("TagResource", more).await;
    let both = json!([{"key": "a", "value": "1"}, {"key": "b", "value": "2"}]);
    assert_eq!(client.describe(&arn).await["tags"], both);
    let listed = client.ecs("ListTagsForResource", json!({"resourceArn": arn})).await;
    assert_eq!(listed["tags"], both);
    let body = json!({"cluster": "test-cluster", "tasks": [arn]});
    assert_eq!(client.ecs("DescribeTasks", body).await["tasks"][0]["tags"], json!([]));
}

#[tokio::test]
async fn what_is_not_there() {
    let (_double, client) = words().await;
    let nothing = "arn:aws:ecs:eu-central-1:123456789012:task/test-cluster/0123";
    let body = json!({"cluster": "test-cluster", "tasks": [nothing]});
    let answer = client.ecs("DescribeTasks", body).await;
    assert_eq!(answer["failures"], json!([{"arn": nothing, "reason": "MISSING"}]));
    let body = json!({"cluster": "test-cluster", "task": nothing});
    let (_, kind, message) = client.refused("StopTask", body).await;
    assert_eq!(kind, "InvalidParameterException");
    assert_eq!(message, "The referenced task was not found.");
    let many: Vec<String> = (0..101).map(|number| format!("{nothing}{number}")).collect();
    let body = json!({"cluster": "test-cluster", "tasks": many});
    assert_eq!(client.refused("DescribeTasks", body).await.1, "InvalidParameterException");
    let body = json!({"taskDefinition": "no-such-task"});
    let (_, kind, message) = client.refused("DescribeTaskDefinition", body).await;
    assert_eq!((&*kind, &*message), ("ClientException", "Unable to describe task definition."));
    assert_eq!(client.refused("DeleteCluster", json!({})).await.1, "UnknownOperationException");
}

#[tokio::test]
async fn definitions_and_clusters() {
    let (_double, client) = words().await;
    let described =
        client.ecs("DescribeTaskDefinition", json!({"taskDefinition": "test-task"})).await;
    let mut definition = described["taskDefinition"].clone();
    assert_eq!(definition["containerDefinitions"][0]["name"], "ci-coordinator");
    for field in ["taskDefinitionArn", "revision", "status", "compatibilities", "registeredAt"] {
        assert!(definition.as_object_mut().unwrap().remove(field).is_some(), "{field}");
    }
    let registered = client.ecs("RegisterTaskDefinition", definition).await;
    assert_eq!(registered["taskDefinition"]["revision"], 2);
    let arn = client.run(altered("/taskDefinition", json!("test-task"))).await;
    let task = client.describe(&arn).await;
    assert!(task["taskDefinitionArn"].as_str().unwrap().ends_with(":task-definition/test-task:2"));
    assert_eq!(task["group"], "family:test-task");

    let body = json!({"clusters": ["test-cluster", "other"]});
    let clusters = client.ecs("DescribeClusters", body).await;
    assert_eq!(clusters["clusters"][0]["status"], "ACTIVE");
    assert_eq!(clusters["failures"][0]["reason"], "MISSING");
    let listed = client.ecs("ListClusters", json!({})).await;
    assert_eq!(listed["clusterArns"], json!([clusters["clusters"][0]["clusterArn"]]));
}

#[tokio::test]
async fn definitions_keep_tags_and_go_out_of_use() {
    let (double, client) = words().await;
    let mut definition = json!({
        "family": "app", "networkMode": "awsvpc", "cpu": "256", "memory": "512",
        "containerDefinitions": [{"name": "ci-coordinator", "image": "a:1"}],
        "tags": [{"key": "team", "value": "ci"}],
    });
    let registered = client.ecs("RegisterTaskDefinition", definition.clone()).await;
    assert_eq!(registered["taskDefinition"].get("tags"), None);
    let container = &registered["taskDefinition"]["containerDefinitions"][0];
    assert_eq!((&container["essential"], &container["mountPoints"]), (&json!(true), &json!([])));
    let described = client.ecs("DescribeTaskDefinition", json!({"taskDefinition": "app"})).await;
    assert_eq!(described["tags"], json!([]));
    let body = json!({"taskDefinition": "app", "include": ["TAGS"]});
    let described = client.ecs("DescribeTaskDefinition", body).await;
    assert_eq!(described["tags"], json!([{"key": "team", "value": "ci"}]));

    let body = json!({"taskDefinition": "app:1"});
    client.ecs("DeregisterTaskDefinition", body.clone()).await;
    let described = client.ecs("DescribeTaskDefinition", body).await;
    assert_eq!(described["taskDefinition"]["status"], "INACTIVE");
    let refused = client.refused("DescribeTaskDefinition", json!({"taskDefinition": "app"})).await;
    assert_eq!(refused.2, "Unable to describe task definition.");
    let run = altered("/taskDefinition", json!("app:1"));
    assert_eq!(client.refused("RunTask", run).await.2, "TaskDefinition is inactive");

    double.inject(Fault::DenyTags);
    let refused = client.refused("RegisterTaskDefinition", definition.clone()).await;
    assert!(refused.2.contains("ecs:TagResource"), "{}", refused.2);
    definition.as_object_mut().unwrap().remove("tags");
    double.inject(Fault::concurrent_registration(1));
    let refused = client.refused("RegisterTaskDefinition", definition.clone()).await;
    assert_eq!(refused.1, "ClientException");
    assert!(refused.2.starts_with("Too many concurrent attempts"), "{}", refused.2);
    let registered = client.ecs("RegisterTaskDefinition", definition).await;
    assert_eq!(registered["taskDefinition"]["revision"], 2);
}

#[tokio::test]
async fn signatures_are_checked() {
    let (double, client) = words().await;
    let attempt = async |client: &Client| {
        let answer = client.raw("ListClusters", &json!({})).await.unwrap();
        (answer.status, answer.body)
    };
    assert_eq!(attempt(&client).await.0, 200);
    let (key, secret) = double.credentials();
    let with = |key: &str, secret: &str, token: Option<&str>, region: &str| Client {
        url: double.url(),
        credentials: Credentials::new(key, secret, token.map(str::to_owned), None, "test"),
        region: region.to_owned(),
    };
    let cases = [
        (with(key, "wrong", None, double.region()), "InvalidSignatureException"),
        (with(key, secret, None, "us-east-1"), "InvalidSignatureException"),
        (with("AKIANOBODY", secret, None, double.region()), "UnrecognizedClientException"),
        (with(key, secret, Some("token"), double.region()), "UnrecognizedClientException"),
    ];
    for (client, kind) in cases {
        let (status, body) = attempt(&client).await;
        assert_eq!(status, 400);
        assert!(body.contains(kind), "{body}");
    }
    // Signed for another service.
    let target = [("x-amz-target", "AmazonEC2ContainerServiceV20141113.ListClusters")];
    let answer = client.send("ec2", &target, "{}".to_owned()).await.unwrap();
    assert!(answer.body.contains("InvalidSignatureException"), "{}", answer.body);
    // Not signed at all.
    let answer =
        fargate_test_support::http::post(&double.url(), &target, "{}".to_owned()).await.unwrap();
    assert!(answer.body.contains("MissingAuthenticationTokenException"), "{}", answer.body);
}

#[tokio::test]
async fn a_role_is_assumed() {
    let role = "arn:aws:iam::123456789012:role/ci";
    let (_double, client) = with(EcsOptions {
        program: TaskProgram::None,
        roles: vec![AssumableRole { arn: role.to_owned(), external_id: Some("x1".to_owned()) }],
        ..EcsOptions::default()
    })
    .await;
    let form = format!("Action=AssumeRole&Version=2011-06-15&RoleArn={role}&RoleSessionName=job");
    let denied = client.query("sts", &form).await;
    assert_eq!(denied.status, 403);
    assert!(denied.body.contains("is not authorized to perform: sts:AssumeRole"));

    let answer = client.query("sts", &format!("{form}&ExternalId=x1")).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let document = roxmltree::Document::parse(&answer.body).unwrap();
    let text = |name: &str| {
        let node = document.descendants().find(|node| node.tag_name().name() == name).unwrap();
        node.text().unwrap().to_owned()
    };
    let credentials = Credentials::new(
        text("AccessKeyId"),
        text("SecretAccessKey"),
        Some(text("SessionToken")),
        None,
        "test",
    );
    let assumed = Client { url: client.url.clone(), credentials, region: client.region.clone() };
    assumed.ecs("ListClusters", json!({})).await;
    let who = assumed.query("sts", "Action=GetCallerIdentity&Version=2011-06-15").await;
    assert!(who.body.contains("assumed-role/ci/job"), "{}", who.body);
}
