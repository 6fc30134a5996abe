//! The network of a task with containers, and what is left of it.

use std::process::{Command, Stdio};
use std::time::Duration;

use fargate_test_support::ecs::HOST_ADDRESS;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

use crate::client::launch;
use crate::images::{Containers, container, pids, said, script, with_fields};
use crate::tasks::alive;

const SERVE: &str = "while :; do echo $NAME | nc -l -p 8000; done";

#[tokio::test(flavor = "multi_thread")]
async fn two_containers_share_localhost() {
    let world = Containers::start().await;
    let serve =
        with_fields(script("serve", "echo hello | nc -l -p 9000"), json!({"essential": false}));
    let ask =
        "for i in 1 2 3 4 5 6 7 8 9; do nc 127.0.0.1 9000 </dev/null && exit; sleep 0.2; done";
    let arn = world.run(&[], json!([serve, script("ask", ask)])).await;
    world.stopped(&arn).await;
    let log = world.double.container_log(&arn, "ask");
    assert!(log.contains("hello"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_tasks_listen_on_one_port() {
    let world = Containers::start().await;
    world.define(&[], json!([script("main", SERVE)])).await;
    let mut arns = Vec::new();
    for index in 0..50 {
        let mut request = launch("key");
        request["taskDefinition"] = "own".into();
        request["overrides"] = json!({"containerOverrides": [{
            "name": "main", "environment": [{"name": "NAME", "value": index.to_string()}],
        }]});
        arns.push(world.client.run(request).await);
    }
    let mut all = Vec::new();
    for (index, arn) in arns.iter().enumerate() {
        let view = world.double.wait_for(arn, "RUNNING").await;
        assert_eq!(said(view.address, 8000).await, index.to_string());
        all.extend(pids(&view));
    }
    assert_eq!(all.len(), 50);
    let addresses: Vec<_> = world.double.tasks().iter().map(|task| task.address).collect();
    drop(world);
    assert_eq!(all.into_iter().find(|pid| alive(*pid)), None);
    let routes = routes();
    assert!(addresses.iter().all(|address| !routes.contains(&format!("{address} "))), "{routes}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_reaches_this_machine_and_not_its_localhost() {
    let server = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let port = server.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = server.accept().await {
            stream.write_all(b"the machine\n").await.unwrap();
        }
    });
    let world = Containers::start().await;
    let ask =
        format!("nc 127.0.0.1 {port} </dev/null && exit 1; nc {HOST_ADDRESS} {port} </dev/null");
    let arn = world.run(&[], json!([script("main", &ask)])).await;
    let task = world.stopped(&arn).await;
    let log = world.double.log(&arn);
    assert_eq!(container(&task, "main")["exitCode"], 0, "{log}");
    assert!(log.contains("the machine"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_public_address_leads_to_the_containers_too() {
    let world = Containers::start().await;
    world.define(&[], json!([script("main", SERVE)])).await;
    let mut request = launch("key");
    request["taskDefinition"] = "own".into();
    request["overrides"] = json!({});
    request["networkConfiguration"]["awsvpcConfiguration"]["assignPublicIp"] = "ENABLED".into();
    let arn = world.client.run(request).await;
    let view = world.double.wait_for(&arn, "RUNNING").await;
    for address in [view.address, view.public_address.unwrap()] {
        assert_eq!(said(address, 8000).await, "");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_container_outlives_a_stop() {
    let world = Containers::start().await;
    let polite = script("polite", "trap 'exit 8' TERM; echo ready; while :; do sleep 0.1; done");
    // The first process of a pid namespace ignores TERM unless it asks for it.
    let stubborn = with_fields(
        script("stubborn", "sleep 1000 & exec sleep 1000"),
        json!({"stopTimeout": 2, "essential": false}),
    );
    let arn = world.run(&[], json!([polite, stubborn])).await;
    let view = world.double.wait_for(&arn, "RUNNING").await;
    let pids = pids(&view);
    assert!(pids.len() == 2 && pids.iter().all(|pid| alive(*pid)), "{view:?}");
    assert_eq!(view.pid, Some(pids[0]));
    while world.double.container_log(&arn, "polite").is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    world.client.stop(&arn).await;
    let task = world.stopped(&arn).await;
    assert_eq!(pids.into_iter().find(|pid| alive(*pid)), None);
    assert_eq!(task["stopCode"], "UserInitiated");
    assert_eq!(container(&task, "polite")["exitCode"], 8);
    assert_eq!(container(&task, "stubborn")["exitCode"], 137);
    assert_eq!(in_containers(&arn), "");
    assert!(!routes().contains(&format!("{} ", view.address)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_ends_what_is_still_starting() {
    let world = Containers::start().await;
    let init = with_fields(
        script("init", "exec sleep 1000"),
        json!({"essential": false, "stopTimeout": 2}),
    );
    let main = with_fields(
        script("main", "echo began"),
        json!({"dependsOn": [{"containerName": "init", "condition": "SUCCESS"}]}),
    );
    let arn = world.run(&[], json!([init, main])).await;
    while pids(&world.double.task(&arn)).is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    world.client.stop(&arn).await;
    let task = world.stopped(&arn).await;
    assert_eq!(container(&task, "init")["exitCode"], 137);
    assert_eq!(container(&task, "main").get("exitCode"), None);
    assert_eq!(world.double.log(&arn), "");
}

/// What the test after it kills in the middle of a task.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "never ends: started by another test"]
async fn a_task_for_ever() {
    let world = Containers::start().await;
    let arn = world.run(&[], json!([script("main", SERVE)])).await;
    let view = world.double.wait_for(&arn, "RUNNING").await;
    said(view.address, 8000).await;
    println!("\ntask {} {}", pids(&view)[0], view.address);
    std::future::pending::<()>().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_task_outlives_a_killed_test() {
    let directory = tempfile::tempdir().unwrap();
    let mut test = tokio::process::Command::from(Command::new(std::env::current_exe().unwrap()))
        .args(["--exact", "sandboxes::a_task_for_ever", "--ignored", "--nocapture"])
        .env("TMPDIR", directory.path())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(test.stdout.take().unwrap()).lines();
    let line = loop {
        let line = lines.next_line().await.unwrap().expect("the test says where its task is");
        if line.starts_with("task ") {
            break line;
        }
    };
    let mut words = line.split(' ').skip(1);
    let pid: u32 = words.next().unwrap().parse().unwrap();
    let address = words.next().unwrap();
    assert!(alive(pid) && routes().contains(&format!("{address} ")), "{line}");
    let killed = Pid::from_raw(test.id().unwrap().cast_signed()).unwrap();
    kill_process(killed, Signal::KILL).unwrap();
    test.wait().await.unwrap();
    // The kernel cleans up, a moment later.
    for _ in 0..1000 {
        if !alive(pid) && !routes().contains(&format!("{address} ")) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("alive: {}, routes: {}", alive(pid), routes());
}

fn routes() -> String {
    let output = Command::new("ip").args(["route", "show"]).output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

/// The command lines of the processes that came of a task: their helpers name its directory.
fn in_containers(arn: &str) -> String {
    let id = arn.rsplit('/').next().unwrap();
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = processes.filter_map(|process| std::fs::read(process.path().join("cmdline")).ok());
    let lines = lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " "));
    lines.filter(|line| line.contains(id)).collect()
}
