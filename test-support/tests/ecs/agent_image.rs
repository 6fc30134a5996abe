//! The agent brings itself into an image that knows nothing of it.

use std::collections::BTreeMap;

use fargate_test_support::binaries::static_agent;
use fargate_test_support::ecs::ImageRoot;
use fargate_test_support::rootfs::Rootfs;
use serde_json::json;

use crate::client::{Visitor, launch};
use crate::images::{Containers, container, pids};
use crate::tasks::alive;

#[tokio::test(flavor = "multi_thread")]
async fn busybox_is_logged_in_to_by_the_agent_of_another_image() {
    let scratch = Rootfs::empty();
    scratch.program(&static_agent(), "/fargate-agent");
    let agent = ImageRoot {
        entrypoint: vec!["/fargate-agent".to_owned()],
        ..ImageRoot::new(scratch.path())
    };
    let world = Containers::with(|busybox| {
        BTreeMap::from([("agent:1".to_owned(), agent), ("busybox".to_owned(), busybox)])
    })
    .await;
    let mount = |read_only: bool| json!([{"sourceVolume": "agent", "containerPath": "/fargate", "readOnly": read_only}]);
    let port = world.double.options().ssh_port;
    world
        .define(
            &["agent"],
            json!([
                {
                    "name": "ci-coordinator", "image": "busybox", "mountPoints": mount(true),
                    "command": ["/fargate/fargate-agent", "--listen", format!("0.0.0.0:{port}")],
                    "dependsOn": [{"containerName": "install", "condition": "SUCCESS"}],
                },
                {
                    "name": "install", "image": "agent:1", "essential": false,
                    "command": ["install", "/fargate"], "mountPoints": mount(false),
                },
            ]),
        )
        .await;
    let visitor = Visitor::new();
    let mut request = launch(&visitor.public_key);
    request["taskDefinition"] = "own".into();
    let arn = world.client.run(request).await;
    let view = world.double.wait_for(&arn, "RUNNING").await;
    assert_eq!(view.host_key, None);

    // The agent says its host key in its log, as in CloudWatch.
    let log = loop {
        let log = world.double.container_log(&arn, "ci-coordinator");
        if log.contains("host_key=") {
            break log;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    };
    let host_key = log.split("host_key=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    let view = fargate_test_support::ecs::TaskView { host_key: Some(host_key.to_owned()), ..view };
    let look = "echo $0; ls /bin/bash; ls -A /fargate; echo > /fargate/new; \
                sleep 1000 >/dev/null 2>&1 & exit 7";
    let (code, out, err) = visitor.visit(&view, look).await;
    assert_eq!(code, 7, "{out}{err}{log}");
    assert!(out.contains("fargate-agent"), "{out}{err}");
    assert!(err.contains("/bin/bash: No such file") && err.contains("Read-only"), "{err}");

    let pids = pids(&view);
    assert_eq!(pids.len(), 1);
    world.client.stop(&arn).await;
    let task = world.stopped(&arn).await;
    assert_eq!(container(&task, "install")["exitCode"], 0);
    assert_eq!(pids.into_iter().find(|pid| alive(*pid)), None);
}
