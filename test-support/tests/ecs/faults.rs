//! Everything that can go wrong does, when it is told to.

use std::io::Read;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use fargate_test_support::ecs::{EcsOptions, Fault, TaskEnd};
use serde_json::json;

use crate::client::{SUBNET, Visitor, launch, with, words};

#[tokio::test]
async fn refusals_of_the_service() {
    let (double, client) = words().await;
    let cases = [
        (Fault::Throttle { op: "RunTask", times: 1 }, 400, "ThrottlingException"),
        (Fault::ServerError { op: "RunTask", times: 1 }, 500, "ServerException"),
        (
            Fault::Error {
                op: "RunTask",
                code: "BlockedException".to_owned(),
                message: "Your account has been blocked.".to_owned(),
                http_status: 403,
                times: 1,
            },
            403,
            "BlockedException",
        ),
        (Fault::ExpiredToken { times: 1 }, 400, "com.amazon.coral.service#ExpiredTokenException"),
    ];
    for (fault, status, kind) in cases {
        double.inject(fault);
        let refused = client.refused("RunTask", launch("key")).await;
        assert_eq!((refused.0, refused.1.as_str()), (status, kind));
        client.run(launch("key")).await;
    }
    assert_eq!(double.tasks().len(), 4);
    assert_eq!(double.calls()["RunTask"], 8);
    assert_eq!(double.requests("RunTask").len(), 8);
}

#[tokio::test]
async fn denials_stay_until_they_are_cleared() {
    let (double, client) = words().await;
    double.inject(Fault::Deny { op: "ListTasks" });
    for _ in 0..2 {
        let body = json!({"cluster": "test-cluster"});
        let (_, kind, message) = client.refused("ListTasks", body).await;
        assert_eq!(kind, "AccessDeniedException");
        assert!(message.contains("is not authorized to perform: ecs:ListTasks"), "{message}");
    }
    double.inject(Fault::Deny { op: "DescribeNetworkInterfaces" });
    let denied = client.query("ec2", "Action=DescribeNetworkInterfaces").await;
    assert_eq!(denied.status, 403);
    assert!(denied.body.contains("<Code>UnauthorizedOperation</Code>"), "{}", denied.body);

    double.inject(Fault::DenyTags);
    let mut tagged = launch("key");
    tagged["tags"] = json!([{"key": "fargate:key", "value": "k1"}]);
    let (_, _, message) = client.refused("RunTask", tagged.clone()).await;
    assert!(message.contains("ecs:TagResource"), "{message}");
    client.run(launch("key")).await;

    double.clear_faults();
    client.run(tagged).await;
    assert_eq!(double.tasks()[1].key.as_deref(), Some("k1"));
    client.ecs("ListTasks", json!({"cluster": "test-cluster"})).await;
}

#[tokio::test]
async fn no_room() {
    let (double, client) = words().await;
    double.inject(Fault::capacity(1));
    let answer = client.ecs("RunTask", launch("key")).await;
    assert_eq!(answer["tasks"], json!([]));
    let reason = answer["failures"][0]["reason"].as_str().unwrap();
    assert!(reason.starts_with("Capacity is unavailable at this time"));
    client.run(launch("key")).await;

    double.inject(Fault::no_room_in(SUBNET));
    assert_eq!(client.ecs("RunTask", launch("key")).await["tasks"], json!([]));
    let mut elsewhere = launch("key");
    let subnets = json!([SUBNET, "subnet-0a1b2c3d4e5f60002"]);
    elsewhere["networkConfiguration"]["awsvpcConfiguration"]["subnets"] = subnets;
    client.run(elsewhere.clone()).await;
    assert_eq!(double.tasks()[1].subnet, "subnet-0a1b2c3d4e5f60002");

    double.clear_faults();
    double.inject(Fault::no_room_on("FARGATE_SPOT"));
    let mut spot = launch("key");
    spot["capacityProviderStrategy"] = json!([
        {"capacityProvider": "FARGATE", "weight": 1},
        {"capacityProvider": "FARGATE_SPOT", "weight": 3},
    ]);
    assert_eq!(client.ecs("RunTask", spot).await["tasks"], json!([]));
    let mut on_demand = launch("key");
    on_demand["launchType"] = "FARGATE".into();
    client.run(on_demand).await;
}

#[tokio::test]
async fn a_lost_response_has_done_its_work() {
    let (double, client) = words().await;
    double.inject(Fault::LostResponse { op: "RunTask", times: 1 });
    let mut request = launch("key");
    request["clientToken"] = "token-1".into();
    request["startedBy"] = "runner-1".into();
    assert!(client.raw("RunTask", &request).await.is_err());
    assert_eq!(double.tasks().len(), 1);
    // The same call again finds the task.
    let arn = client.run(request).await;
    assert_eq!(double.tasks().len(), 1);
    let list = json!({"cluster": "test-cluster", "startedBy": "runner-1"});
    assert_eq!(client.ecs("ListTasks", list).await["taskArns"], json!([arn]));
}

#[tokio::test]
async fn a_delay_holds_the_answer_back() {
    let (double, client) = words().await;
    let by = Duration::from_millis(400);
    double.inject(Fault::Delay { op: "ListClusters", by, times: 1 });
    let start = Instant::now();
    client.ecs("ListClusters", json!({})).await;
    assert!(start.elapsed() >= by);
}

#[tokio::test]
async fn a_list_behind_shows_a_task_later() {
    let (double, client) = words().await;
    let list = json!({"cluster": "test-cluster"});
    double.inject(Fault::ListLag { by: Duration::from_secs(3600) });
    let arn = client.run(launch("key")).await;
    assert_eq!(client.ecs("ListTasks", list.clone()).await["taskArns"], json!([]));
    assert_eq!(client.describe(&arn).await["taskArn"], arn, "only lists are behind");
    double.clear_faults();
    assert_eq!(client.ecs("ListTasks", list.clone()).await["taskArns"], json!([arn]));

    double.inject(Fault::ListLag { by: Duration::from_millis(300) });
    let second = client.run(launch("key")).await;
    let deadline = Instant::now() + Duration::from_secs(60);
    let both = json!([arn, second]);
    while client.ecs("ListTasks", list.clone()).await["taskArns"] != both {
        assert!(Instant::now() < deadline, "the list never caught up");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn missing_for_a_moment() {
    let (double, client) = words().await;
    let arn = client.run(launch("key")).await;
    double.inject(Fault::Missing { times: 1 });
    let body = json!({"cluster": "test-cluster", "tasks": [arn]});
    let answer = client.ecs("DescribeTasks", body.clone()).await;
    assert_eq!(answer["tasks"], json!([]));
    assert_eq!(answer["failures"], json!([{"arn": arn, "reason": "MISSING"}]));
    let answer = client.ecs("DescribeTasks", body).await;
    assert_eq!(answer["tasks"][0]["taskArn"], arn);
}

#[tokio::test]
async fn stopped_while_pending() {
    let (double, client) = words().await;
    double.inject(Fault::StopWhilePending(TaskEnd::cannot_pull()));
    let arn = client.run(launch("key")).await;
    double.wait_for(&arn, "STOPPED").await;
    let task = client.describe(&arn).await;
    assert_eq!(task["stopCode"], "TaskFailedToStart");
    assert!(task["stoppedReason"].as_str().unwrap().starts_with("CannotPullContainerError"));
    let container = &task["containers"][0];
    assert!(container["reason"].as_str().unwrap().starts_with("CannotPullContainerError"));
    assert_eq!(container.get("exitCode"), None);
    // The next task is well.
    let arn = client.run(launch("key")).await;
    double.wait_for(&arn, "RUNNING").await;
}

#[tokio::test]
async fn never_running_and_no_address() {
    let (double, client) = words().await;
    double.inject(Fault::NeverRunning);
    let stuck = client.run(launch("key")).await;
    double.inject(Fault::NoAddress);
    let hidden = client.run(launch("key")).await;
    double.wait_for(&hidden, "RUNNING").await;
    assert_eq!(double.task(&stuck).status, "PENDING");
    let task = client.describe(&hidden).await;
    assert_eq!(task["containers"][0]["networkInterfaces"], json!([]));
    assert!(!task["attachments"][0]["details"].to_string().contains("privateIPv4Address"));
    // A task that is stuck can be stopped.
    client.stop(&stuck).await;
    double.wait_for(&stuck, "STOPPED").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_silence_and_a_refused_key() {
    let (double, client) = with(EcsOptions::default()).await;
    let visitor = Visitor::new();
    let start = async |fault: Fault| {
        double.inject(fault);
        let arn = client.run(launch(&visitor.public_key)).await;
        double.wait_for(&arn, "RUNNING").await
    };
    let nobody = start(Fault::NoSshd).await;
    assert!(TcpStream::connect((nobody.address, double.options().ssh_port)).is_err());

    let silent = start(Fault::SilentSshd).await;
    let mut stream = TcpStream::connect((silent.address, double.options().ssh_port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    let nothing = stream.read(&mut [0; 16]).unwrap_err();
    assert_eq!(nothing.kind(), std::io::ErrorKind::WouldBlock);
    client.stop(&silent.arn).await;
    double.wait_for(&silent.arn, "STOPPED").await;
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    assert_eq!(stream.read(&mut [0; 16]).unwrap(), 0);

    let wary = start(Fault::WrongKey).await;
    let (code, _, err) = visitor.visit(&wary, "true").await;
    assert!(code == 255 && err.contains("Permission denied"), "{err}");
}

#[tokio::test]
async fn no_public_address_yet() {
    let (double, client) = words().await;
    let mut request = launch("key");
    request["networkConfiguration"]["awsvpcConfiguration"]["assignPublicIp"] = "ENABLED".into();
    let arn = client.run(request).await;
    double.wait_for(&arn, "RUNNING").await;
    double.inject(Fault::NoAssociation { times: 1 });
    let form = "Action=DescribeNetworkInterfaces&Version=2016-11-15";
    let before = client.query("ec2", form).await.body;
    let after = client.query("ec2", form).await.body;
    assert!(before.contains("<networkInterfaceId>") && !before.contains("<publicIp>"), "{before}");
    assert!(after.contains("<publicIp>127."), "{after}");
}
