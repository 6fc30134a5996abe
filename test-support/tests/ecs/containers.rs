//! A task whose images are known runs its containers in their own root file systems.

use std::collections::BTreeMap;

use fargate_test_support::ecs::ImageRoot;
use serde_json::json;

use crate::client::launch;
use crate::images::{Containers, container, said, script, with_fields};

#[tokio::test(flavor = "multi_thread")]
async fn a_container_sees_its_image_and_nothing_of_this_machine() {
    let world = Containers::start().await;
    let look = "ls /; echo pid $$; ls /dev/null /dev/pts/ptmx /proc/self; id; cat /etc/hosts; \
                : > /new; ls /etc/shadow /work; mount -t tmpfs none /tmp && echo mounted; exit 5";
    let arn = world.run(&[], json!([script("main", look)])).await;
    let task = world.stopped(&arn).await;
    let log = world.double.log(&arn);
    assert_eq!(container(&task, "main")["exitCode"], 5, "{log}");
    assert!(
        log.starts_with("bin\ndev\netc\nproc\ntmp\npid 1\n/dev/null\n/dev/pts/ptmx\n"),
        "{log}"
    );
    assert!(log.contains("uid=0 gid=0"), "{log}");
    let address = world.double.task(&arn).address;
    assert!(log.contains("127.0.0.1 localhost\n") && log.contains(&address.to_string()), "{log}");
    assert!(log.contains("/etc/shadow: No such file") && log.contains("/work: No such"), "{log}");
    assert!(log.contains("permission denied") && !log.contains("mounted"), "{log}");
    // What a container writes stays its own.
    assert!(!world.tree.path().join("new").exists());
    let again = world.run(&[], json!([script("main", "ls /new")])).await;
    assert_eq!(container(&world.stopped(&again).await, "main")["exitCode"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_images_own_settings_hold_until_the_definition_or_the_launch_says_otherwise() {
    let world = Containers::with(|busybox| {
        std::fs::create_dir(busybox.tree.join("etc")).unwrap();
        let users = "ci:x:1000:1001::/home/ci:/bin/sh\n";
        std::fs::write(busybox.tree.join("etc/passwd"), users).unwrap();
        let image = ImageRoot {
            entrypoint: vec!["/bin/sh".to_owned(), "-c".to_owned()],
            command: vec!["id; echo $PWD $HOME $A $B $C; exit 6".to_owned()],
            user: Some("ci".to_owned()),
            environment: ["A", "B", "C"].map(|name| (name.to_owned(), "image".to_owned())).into(),
            working_directory: Some("/srv/app".to_owned()),
            ..busybox
        };
        BTreeMap::from([("app:1".to_owned(), image)])
    })
    .await;
    let plain = json!({"name": "main", "image": "app:1"});
    let arn = world.run(&[], json!([plain])).await;
    let task = world.stopped(&arn).await;
    let log = world.double.log(&arn);
    assert_eq!(container(&task, "main")["exitCode"], 6, "{log}");
    assert!(log.contains("uid=1000(ci) gid=1001"), "{log}");
    assert!(log.contains("/srv/app /home/ci image image image"), "{log}");

    let fields = json!({
        "user": "7:8", "workingDirectory": "/tmp", "command": ["exit 1"],
        "environment": [{"name": "B", "value": "definition"}, {"name": "C", "value": "definition"}],
    });
    world.define(&[], json!([with_fields(plain, fields)])).await;
    let mut request = launch("key");
    request["taskDefinition"] = "own".into();
    request["overrides"] = json!({"containerOverrides": [{
        "name": "main", "command": ["id; echo $PWD $HOME $A $B $C; exit 7"],
        "environment": [{"name": "C", "value": "launch"}],
    }]});
    let arn = world.client.run(request).await;
    let task = world.stopped(&arn).await;
    let log = world.double.log(&arn);
    assert_eq!(container(&task, "main")["exitCode"], 7, "{log}");
    assert!(log.contains("uid=7 gid=8"), "{log}");
    assert!(log.contains("/tmp / image definition launch"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_init_container_fills_a_volume_before_the_main_one_starts() {
    let world = Containers::start().await;
    let install = with_fields(
        script("install", "sleep 0.3; cp /bin/busybox /out; echo done > /out/note"),
        json!({
            "essential": false,
            "mountPoints": [{"sourceVolume": "tools", "containerPath": "/out"}],
        }),
    );
    let main = with_fields(
        script("main", "/tools/busybox cat /tools/note; echo > /tools/new && exit 1; exit 4"),
        json!({
            "dependsOn": [{"containerName": "install", "condition": "SUCCESS"}],
            "mountPoints": [{
                "sourceVolume": "tools", "containerPath": "/tools", "readOnly": true,
            }],
        }),
    );
    let arn = world.run(&["tools"], json!([main, install])).await;
    let task = world.stopped(&arn).await;
    let log = world.double.log(&arn);
    assert!(log.contains("done") && log.contains("Read-only file system"), "{log}");
    assert_eq!(container(&task, "install")["exitCode"], 0);
    assert_eq!(container(&task, "main")["exitCode"], 4);
    assert_eq!(task["stopCode"], "EssentialContainerExited");

    // The next task has volumes of its own.
    let look = with_fields(
        script("main", "ls /tools/note"),
        json!({"mountPoints": [{"sourceVolume": "tools", "containerPath": "/tools"}]}),
    );
    let arn = world.run(&["tools"], json!([look])).await;
    assert_eq!(container(&world.stopped(&arn).await, "main")["exitCode"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_init_container_that_fails_ends_the_task_before_the_main_one_starts() {
    let world = Containers::start().await;
    let init = with_fields(script("init", "exit 3"), json!({"essential": false}));
    let depends =
        |condition: &str| json!({"dependsOn": [{"containerName": "init", "condition": condition}]});
    let main = script("main", "echo began");
    let containers = json!([init, with_fields(main.clone(), depends("SUCCESS"))]);
    let arn = world.run(&[], containers).await;
    let task = world.stopped(&arn).await;
    assert_eq!(task["stopCode"], "TaskFailedToStart");
    assert_eq!(task.get("startedAt"), None);
    assert_eq!(container(&task, "init")["exitCode"], 3);
    assert_eq!(container(&task, "main")["exitCode"], 143);
    let reason = container(&task, "main")["reason"].as_str().unwrap();
    assert!(reason.contains("ordering dependency [init (STOPPED->RUNNING) - Exit: 3]"), "{reason}");
    assert_eq!(world.double.log(&arn), "");

    // Whether it succeeded is nothing to the other conditions.
    for condition in ["COMPLETE", "START"] {
        let containers = json!([init, with_fields(main.clone(), depends(condition))]);
        let arn = world.run(&[], containers).await;
        world.stopped(&arn).await;
        assert_eq!(world.double.container_log(&arn, "main"), "began\n", "{condition}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_can_wait_for_the_health_of_another_one() {
    let world = Containers::start().await;
    let serve = with_fields(
        script("serve", "echo ci > /tmp/ready; while :; do sleep 1; done"),
        json!({
            "essential": false, "user": "1000",
            "healthCheck": {
                "command": ["CMD-SHELL", "[ $(id -u) = 1000 ] && [ -s /tmp/ready ]"],
                "interval": 5, "retries": 1,
            },
        }),
    );
    let ill = with_fields(
        script("ill", "while :; do sleep 1; done"),
        json!({
            "essential": false,
            "healthCheck": {"command": ["CMD", "/bin/cat", "/nope"], "interval": 5, "retries": 1},
        }),
    );
    let main = with_fields(
        script("main", "while :; do sleep 1; done"),
        json!({"dependsOn": [{"containerName": "serve", "condition": "HEALTHY"}]}),
    );
    let arn = world.run(&[], json!([main, serve, ill])).await;
    let mut before = world.client.describe(&arn).await;
    while container(&before, "serve")["healthStatus"] == "UNKNOWN" {
        assert_eq!(container(&before, "main")["lastStatus"], "PENDING");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        before = world.client.describe(&arn).await;
    }
    assert_eq!(container(&before, "serve")["healthStatus"], "HEALTHY");
    world.double.wait_for(&arn, "RUNNING").await;
    let mut after = world.client.describe(&arn).await;
    while container(&after, "ill")["healthStatus"] == "UNKNOWN" {
        after = world.client.describe(&arn).await;
    }
    assert_eq!(container(&after, "ill")["healthStatus"], "UNHEALTHY");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_end_of_an_essential_container_ends_the_task() {
    let world = Containers::start().await;
    let aside = with_fields(script("aside", "exit 9"), json!({"essential": false}));
    let serve = script("main", "while :; do echo there | nc -l -p 8000; done");
    let arn =
        world.run(&[], json!([aside, serve, script("second", "nc -l -p 8001; exit 2")])).await;
    let view = world.double.wait_for(&arn, "RUNNING").await;
    let mut task = world.client.describe(&arn).await;
    while container(&task, "aside")["lastStatus"] != "STOPPED" {
        task = world.client.describe(&arn).await;
    }
    assert_eq!(container(&task, "aside")["exitCode"], 9);
    assert_eq!(said(view.address, 8000).await, "there");
    let task = world.client.describe(&arn).await;
    assert_eq!(task["lastStatus"], "RUNNING");
    assert_eq!(container(&task, "main")["lastStatus"], "RUNNING");

    assert_eq!(said(view.address, 8001).await, "");
    let task = world.stopped(&arn).await;
    assert_eq!(task["stopCode"], "EssentialContainerExited");
    assert_eq!(container(&task, "second")["exitCode"], 2);
    assert_eq!(container(&task, "main")["exitCode"], 137);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_does_not_exist_cannot_be_pulled() {
    let world = Containers::start().await;
    let missing = json!({"name": "main", "image": "registry.example.com/missing:1"});
    let aside = with_fields(script("aside", "exit 0"), json!({"essential": false}));
    let arn = world.run(&[], json!([missing, aside])).await;
    let task = world.stopped(&arn).await;
    assert_eq!(task["stopCode"], "TaskFailedToStart");
    let reason = container(&task, "main")["reason"].as_str().unwrap();
    assert!(reason.starts_with("CannotPullContainerError: "), "{reason}");
    assert!(reason.contains("registry.example.com/missing:1: not found"), "{reason}");
    assert_eq!(task["stoppedReason"], reason);
    assert_eq!(container(&task, "aside").get("exitCode"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_that_cannot_start_says_why() {
    let world = Containers::start().await;
    for (fields, why) in [
        (json!({"entryPoint": ["/nope"]}), "/nope"),
        (json!({"entryPoint": [""], "command": []}), "no command specified"),
        (json!({"user": "nobody"}), "unable to find user nobody"),
    ] {
        let arn = world.run(&[], json!([with_fields(script("main", "exit 0"), fields)])).await;
        let task = world.stopped(&arn).await;
        assert_eq!(task["stopCode"], "TaskFailedToStart", "{why}");
        let reason = container(&task, "main")["reason"].as_str().unwrap();
        assert!(reason.starts_with("CannotStartContainerError: "), "{reason}");
        assert!(reason.contains(why), "{reason}");
    }
    // A program's own 127 is an exit code like any other.
    let arn = world.run(&[], json!([script("main", "exit 127")])).await;
    assert_eq!(container(&world.stopped(&arn).await, "main")["exitCode"], 127);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_root_leaves_the_volumes() {
    let world = Containers::start().await;
    let main = with_fields(
        script("main", "echo > /tmp/no && exit 1; echo > /work/yes && exit 0; exit 2"),
        json!({
            "readonlyRootFilesystem": true,
            "mountPoints": [{"sourceVolume": "work", "containerPath": "/work"}],
        }),
    );
    let arn = world.run(&["work"], json!([main])).await;
    let task = world.stopped(&arn).await;
    assert_eq!(container(&task, "main")["exitCode"], 0, "{}", world.double.log(&arn));
}
