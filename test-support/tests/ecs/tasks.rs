//! Tasks are real.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use fargate_test_support::ecs::{EcsOptions, Fault, StateDelays, TaskEnd, TaskProgram, TaskView};
use serde_json::json;
use tokio::task::JoinSet;

use crate::client::{Visitor, launch, with, words};

pub(crate) fn alive(pid: u32) -> bool {
    // A zombie is dead; only nobody has asked for its status yet.
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit_once(')').unwrap().1.trim_start().starts_with('Z'))
}

#[tokio::test(flavor = "multi_thread")]
async fn run_log_in_stop() {
    let (double, client) = with(EcsOptions::default()).await;
    let visitor = Visitor::new();
    let arn = client.run(launch(&visitor.public_key)).await;
    let view = double.wait_for(&arn, "RUNNING").await;

    let task = client.describe(&arn).await;
    assert_eq!(task["lastStatus"], "RUNNING");
    let interface = &task["containers"][0]["networkInterfaces"][0];
    assert_eq!(interface["privateIpv4Address"], view.address.to_string());
    for time in ["createdAt", "connectivityAt", "pullStartedAt", "pullStoppedAt", "startedAt"] {
        assert!(task[time].as_f64().unwrap() > 1.0e9, "{time}");
    }

    let (code, out, err) = visitor.visit(&view, "echo $HOME; echo oops >&2; exit 7").await;
    assert_eq!((code, err.trim()), (7, "oops"), "{out}{err}{}", double.log(&arn));
    assert!(out.trim().ends_with("/home") && Path::new(out.trim()).is_dir(), "{out}");
    let stranger = Visitor::new();
    assert_eq!(stranger.visit(&view, "true").await.0, 255);

    let stopped = client.stop(&arn).await;
    assert_eq!(stopped["desiredStatus"], "STOPPED");
    assert_eq!(stopped["stopCode"], "UserInitiated");
    double.wait_for(&arn, "STOPPED").await;
    assert!(!alive(view.pid.unwrap()));
    let task = client.describe(&arn).await;
    assert!(task["stoppedAt"].as_f64().unwrap() >= task["stoppingAt"].as_f64().unwrap());
    assert_eq!(double.running(), 0);
    // A second stop changes nothing.
    assert_eq!(client.stop(&arn).await["lastStatus"], "STOPPED");
}

/// Leaves two processes behind on the task, one of which has left the session and ignores TERM.
/// Returns their pids and that of the task's first process.
async fn left_behind(visitor: &Visitor, view: &TaskView) -> Vec<u32> {
    let leave = "setsid sh -c 'trap : TERM; while :; do sleep 1; done' >/dev/null 2>&1 & echo $!; \
                 sh -c 'sleep 1000; true' >/dev/null 2>&1 & echo $!";
    let (code, out, err) = visitor.visit(view, leave).await;
    assert_eq!(code, 0, "{err}");
    let mut pids: Vec<u32> = out.split_whitespace().map(|pid| pid.parse().unwrap()).collect();
    pids.extend(view.pid);
    assert!(pids.len() == 3 && pids.iter().all(|pid| alive(*pid)), "{pids:?}");
    pids
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_outlives_a_stop() {
    let (double, client) = with(EcsOptions::default()).await;
    let visitor = Visitor::new();
    let arn = client.run(launch(&visitor.public_key)).await;
    let view = double.wait_for(&arn, "RUNNING").await;
    let pids = left_behind(&visitor, &view).await;
    let mut session = visitor.session(&view).await;
    client.stop(&arn).await;
    double.wait_for(&arn, "STOPPED").await;
    assert_eq!(pids.into_iter().find(|pid| alive(*pid)), None);
    assert_eq!(session.wait().await.unwrap().code(), Some(255));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_outlives_the_double() {
    let (double, client) = with(EcsOptions::default()).await;
    let visitor = Visitor::new();
    let arn = client.run(launch(&visitor.public_key)).await;
    let view = double.wait_for(&arn, "RUNNING").await;
    let pids = left_behind(&visitor, &view).await;
    drop(double);
    assert_eq!(pids.into_iter().find(|pid| alive(*pid)), None);
    assert!(client.raw("ListClusters", &json!({})).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_ends_ends_its_task() {
    let (double, client) = with(EcsOptions::default()).await;
    let arn = client.run(launch(&Visitor::new().public_key)).await;
    let view = double.wait_for(&arn, "RUNNING").await;
    let pid = rustix::process::Pid::from_raw(view.pid.unwrap().cast_signed()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    double.wait_for(&arn, "STOPPED").await;
    let task = client.describe(&arn).await;
    assert_eq!(task["stopCode"], "EssentialContainerExited");
    assert_eq!(task["containers"][0]["exitCode"], 137);
}

#[tokio::test(flavor = "multi_thread")]
async fn ended_from_outside_in_the_middle_of_a_command() {
    let (double, client) = with(EcsOptions::default()).await;
    let visitor = Visitor::new();
    for (end, code) in [(TaskEnd::spot_interruption(), None), (TaskEnd::out_of_memory(), Some(137))]
    {
        let arn = client.run(launch(&visitor.public_key)).await;
        let view = double.wait_for(&arn, "RUNNING").await;
        let mut session = visitor.session(&view).await;
        double.end_task(&arn, end.clone()).await;
        assert_eq!(session.wait().await.unwrap().code(), Some(255));
        let task = client.describe(&arn).await;
        assert_eq!(task["stopCode"], end.stop_code);
        assert_eq!(task["stoppedReason"], end.reason);
        let container = &task["containers"][0];
        assert_eq!(container["reason"].as_str(), end.container_reason.as_deref());
        if let Some(code) = code {
            assert_eq!(container["exitCode"], code);
        }
        assert!(!alive(view.pid.unwrap()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_else_at_the_address() {
    let (double, client) = with(EcsOptions::default()).await;
    let visitor = Visitor::new();
    let arn = client.run(launch(&visitor.public_key)).await;
    let before = double.wait_for(&arn, "RUNNING").await;
    assert_eq!(visitor.visit(&before, "true").await.0, 0);
    double.change_host_key(&arn).await;
    let after = double.task(&arn);
    assert_ne!(before.host_key, after.host_key);
    let (code, _, err) = visitor.visit(&before, "true").await;
    assert!(code == 255 && err.contains("Host key verification failed"), "{err}");
    assert_eq!(visitor.visit(&after, "true").await.0, 0);
    assert_eq!(client.describe(&arn).await["lastStatus"], "RUNNING");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_public_address_is_told_by_ec2() {
    let (double, client) = with(EcsOptions::default()).await;
    let visitor = Visitor::new();
    let mut request = launch(&visitor.public_key);
    request["networkConfiguration"]["awsvpcConfiguration"]["assignPublicIp"] = "ENABLED".into();
    let arn = client.run(request).await;
    let view = double.wait_for(&arn, "RUNNING").await;
    let task = client.describe(&arn).await;
    let details = task["attachments"][0]["details"].as_array().unwrap().clone();
    let id = details.iter().find(|detail| detail["name"] == "networkInterfaceId").unwrap();
    let form = format!(
        "Action=DescribeNetworkInterfaces&Version=2016-11-15&NetworkInterfaceId.1={}",
        id["value"].as_str().unwrap()
    );
    let answer = client.query("ec2", &form).await;
    let document = roxmltree::Document::parse(&answer.body).unwrap();
    let public = document.descendants().find(|node| node.tag_name().name() == "publicIp").unwrap();
    let public = public.text().unwrap().parse().unwrap();
    assert_eq!(Some(public), view.public_address);
    assert_ne!(public, view.address);
    assert_eq!(visitor.visit_at(&view, public, "exit 3").await.0, 3);
    assert_eq!(visitor.visit(&view, "exit 4").await.0, 4);

    client.stop(&arn).await;
    double.wait_for(&arn, "STOPPED").await;
    let gone = client.query("ec2", &form).await;
    assert_eq!(gone.status, 400);
    assert!(gone.body.contains("InvalidNetworkInterfaceID.NotFound"), "{}", gone.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_can_run_the_agent() {
    let program = TaskProgram::Agent(fargate_test_support::binaries::agent());
    let (double, client) = with(EcsOptions { program, ..EcsOptions::default() }).await;
    let visitor = Visitor::new();
    let arn = client.run(launch(&visitor.public_key)).await;
    let view = double.wait_for(&arn, "RUNNING").await;
    let (code, out, err) = visitor.visit(&view, "echo $HOME; exit 7").await;
    assert_eq!(code, 7, "{err}{}", double.log(&arn));
    assert!(out.trim().ends_with("/home"), "{out}");
    let pids = left_behind(&visitor, &view).await;
    client.stop(&arn).await;
    double.wait_for(&arn, "STOPPED").await;
    assert_eq!(pids.into_iter().find(|pid| alive(*pid)), None);

    double.inject(Fault::WrongKey);
    let wary = client.run(launch(&visitor.public_key)).await;
    let wary = double.wait_for(&wary, "RUNNING").await;
    let (code, _, err) = visitor.visit(&wary, "true").await;
    assert!(code == 255 && err.contains("Permission denied"), "{err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_runs_its_own_command() {
    let program = TaskProgram::Command;
    let (double, client) = with(EcsOptions { program, ..EcsOptions::default() }).await;
    let definition = json!({
        "family": "own", "requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc",
        "cpu": "256", "memory": "512",
        "containerDefinitions": [{
            "name": "ci-coordinator", "image": "example.com/ci:1",
            "entryPoint": ["sh", "-c"], "command": ["exit 3"],
        }],
    });
    client.ecs("RegisterTaskDefinition", definition).await;
    for (command, code) in [(None, 3), (Some("exit 4"), 4)] {
        let mut request = launch("key");
        request["taskDefinition"] = "own:1".into();
        if let Some(command) = command {
            request["overrides"]["containerOverrides"][0]["command"] = json!([command]);
        }
        let arn = client.run(request).await;
        double.wait_for(&arn, "STOPPED").await;
        assert_eq!(client.describe(&arn).await["containers"][0]["exitCode"], code);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_tasks_at_once() {
    let (double, client) = with(EcsOptions::default()).await;
    let visitor = Arc::new(Visitor::new());
    let mut arns = Vec::new();
    for _ in 0..5 {
        let mut request = launch(&visitor.public_key);
        request["count"] = 10.into();
        let answer = client.ecs("RunTask", request).await;
        let tasks = answer["tasks"].as_array().unwrap().clone();
        arns.extend(tasks.iter().map(|task| task["taskArn"].as_str().unwrap().to_owned()));
    }
    assert_eq!(arns.len(), 50);
    for arn in &arns {
        double.wait_for(arn, "RUNNING").await;
    }
    let mut visits = JoinSet::new();
    for view in double.tasks() {
        let visitor = Arc::clone(&visitor);
        visits.spawn(async move { visitor.visit(&view, "exit 5").await });
    }
    for (code, _, err) in visits.join_all().await {
        assert_eq!(code, 5, "{err}");
    }
    let pids: Vec<u32> = double.tasks().iter().filter_map(|task| task.pid).collect();
    assert_eq!(pids.len(), 50);
    drop(double);
    assert_eq!(pids.into_iter().find(|pid| alive(*pid)), None);
}

#[tokio::test]
async fn every_state_is_seen_on_the_way() {
    let (double, client) = with(EcsOptions {
        program: TaskProgram::None,
        state_delays: StateDelays {
            provisioning: Duration::from_millis(300),
            pending: Duration::from_millis(300),
            activating: Duration::from_millis(300),
            deprovisioning: Duration::from_millis(300),
        },
        ..EcsOptions::default()
    })
    .await;
    let arn = client.run(launch("key")).await;
    let mut seen = Vec::new();
    while !seen.iter().any(|state| state == "STOPPED") {
        let task = client.describe(&arn).await;
        let state = task["lastStatus"].as_str().unwrap().to_owned();
        let details = task["attachments"][0]["details"].as_array().unwrap().clone();
        let shown = details.iter().any(|detail| detail["name"] == "privateIPv4Address");
        assert_eq!(shown, state != "PROVISIONING", "{state}");
        if state == "RUNNING" {
            client.stop(&arn).await;
        }
        // These two have no length of their own, but a busy machine may stretch them.
        let passing = ["DEACTIVATING", "STOPPING"].contains(&&*state);
        if !passing && seen.last() != Some(&state) {
            seen.push(state);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let wanted = ["PROVISIONING", "PENDING", "ACTIVATING", "RUNNING", "DEPROVISIONING", "STOPPED"];
    assert_eq!(seen, wanted);
    drop(double);
}

#[tokio::test]
async fn a_stop_before_the_start_is_a_stop() {
    let (double, client) = words().await;
    let arn = client.run(launch("key")).await;
    client.stop(&arn).await;
    double.wait_for(&arn, "STOPPED").await;
    let task = client.describe(&arn).await;
    assert_eq!(task.get("startedAt"), None);
    assert_eq!(task["stopCode"], "UserInitiated");
}
