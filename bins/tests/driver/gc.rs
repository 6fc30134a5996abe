//! `fargate gc`: the program deletes what nobody uses, and nothing else.

use std::process::Stdio;

use fargate_test_support::ecs::{AGENT_IMAGE, AgentImages, EcsDouble, EcsOptions, Fault};
use rustix::process::Signal;
use serde_json::json;
use tokio::process::{Child, Command};

use crate::harness::{Ended, Host, ended, eventually, signal};

const OLD: &str = "2020-01-31";

/// A host whose driver gives jobs images of their own, in a world of its own.
struct World {
    double: EcsDouble,
    host: Host,
    _images: AgentImages,
}

impl World {
    async fn start() -> Self {
        let images = AgentImages::new();
        let options = EcsOptions { images: images.all(), ..EcsOptions::default() };
        let double = EcsDouble::start(options).await;
        let more = format!(
            "  AgentImage = \"{AGENT_IMAGE}\"\n  HelperImage = \"none\"\n  AllowedImages = [\"busybox:*\"]\n"
        );
        Self { host: Host::ecs(&double, &more), double, _images: images }
    }

    /// Runs a whole job whose entry point, and so its definition, is `which`; returns the
    /// definition's `family:revision`.
    async fn job(&self, which: &str) -> String {
        let job = self.host.job_with_image(json!({"name": "busybox:1", "entrypoint": [which]}));
        job.prepare().await.ok();
        job.script("true", "build_script").await.ok();
        job.cleanup().await.ok();
        self.last()
    }

    /// As [`job`](Self::job), but long ago.
    async fn old_job(&self, which: &str) -> String {
        let name = self.job(which).await;
        self.age(&name);
        name
    }

    /// What the last task was started from.
    fn last(&self) -> String {
        let request = self.double.requests("RunTask").pop().unwrap();
        request["taskDefinition"].as_str().unwrap().to_owned()
    }

    fn age(&self, name: &str) {
        self.double.tag_definition(name, "fargate:used", OLD);
    }

    async fn gc(&self, args: &[&str]) -> Ended {
        ended(start(&self.host, args)).await
    }

    /// How often something was deregistered or deleted.
    fn changed(&self) -> u64 {
        let calls = self.double.calls();
        let of = |op: &str| calls.get(op).copied().unwrap_or(0);
        of("DeregisterTaskDefinition") + of("DeleteTaskDefinitions")
    }
}

fn start(host: &Host, args: &[&str]) -> Child {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_fargate"));
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    Command::from(command)
        .arg("--config")
        .arg(host.directory.path().join("fargate.toml"))
        .arg("gc")
        .args(args)
        .env_clear()
        .env("HOME", host.directory.path())
        .envs(host.environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn gc_deletes_only_what_is_old_unused_and_the_drivers_own() {
    let world = World::start().await;
    let (old, young) = (world.old_job("/bin/env").await, world.job("").await);
    let running = world.host.job_with_image(json!({"name": "busybox:1"}));
    running.prepare().await.ok();
    let in_use = world.last();
    world.age(&in_use);
    let forged = world.double.register(&json!({
        "family": "test-task-0123456789abcdef", "networkMode": "awsvpc", "cpu": "256",
        "memory": "512", "containerDefinitions": [{"name": "app", "image": "app:1"}],
    }));

    let all = world.gc(&["--dry-run"]).await.ok().stdout_text();
    for line in [
        format!("{old} (last used {OLD}) would be deleted"),
        format!("{in_use} (last used {OLD}) kept: in use"),
        format!("{forged} kept: without the tag fargate:base"),
    ] {
        assert!(all.contains(&line), "no {line} in\n{all}");
    }
    let late = |line: &str| line.starts_with(&young) && line.ends_with("kept: used lately");
    assert!(all.lines().any(late), "{all}");
    assert_eq!(world.changed(), 0);

    let said = world.gc(&["--older-than", "30d"]).await.ok().stdout_text();
    let lines: Vec<_> = said.lines().collect();
    let [line, sum] = lines.as_slice() else { panic!("{said}") };
    assert_eq!(*line, format!("{old} (last used {OLD}) deleted"));
    assert!(sum.starts_with("4 derived task definition(s): 1 deleted, "), "{sum}");
    assert!(sum.contains("1 kept: without the tag fargate:base"), "{sum}");
    assert_eq!(world.double.definition_status(&old), "DELETE_IN_PROGRESS");
    for kept in [&young, &in_use, &forged, "test-task:1"] {
        assert_eq!(world.double.definition_status(kept), "ACTIVE", "{kept}");
    }
    running.script("true", "build_script").await.ok();
    running.cleanup().await.ok();

    let again = world.gc(&["--older-than", "7300d", "--verbose"]).await.ok().stdout_text();
    assert!(again.lines().count() == 4 && again.contains(": 0 deleted"), "{again}");
    assert_eq!(world.changed(), 2);
    let revision = world.job("/bin/env").await;
    assert_eq!(revision, old.replace(":1", ":2"), "a job after a collection registers again");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_gc_says_so_and_the_next_one_does_the_rest() {
    for interrupt in [Signal::INT, Signal::TERM] {
        let world = World::start().await;
        let old = world.old_job("").await;
        let by = std::time::Duration::from_secs(600);
        world.double.inject(Fault::Delay { op: "DeleteTaskDefinitions", by, times: 1 });
        let running = start(&world.host, &[]);
        let deletes = || world.double.calls().contains_key("DeleteTaskDefinitions");
        eventually("the deletion", deletes).await;
        signal(&running, interrupt);
        let said = ended(running).await.failed_as(1).says("interrupted by a signal");
        assert!(said.stdout_text().contains("0 deleted"), "{said:?}");
        assert_eq!(world.double.definition_status(&old), "INACTIVE");
        let said = world.gc(&[]).await.ok().stdout_text();
        assert!(said.contains(&format!("{old} (last used {OLD}) deleted")), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn gc_names_the_right_it_lacks_and_bears_throttling() {
    let world = World::start().await;
    let old = world.old_job("").await;
    world.double.inject(Fault::Deny { op: "DeregisterTaskDefinition" });
    let denied = world.gc(&[]).await.failed_as(1);
    let denied = denied.says("allow ecs:DeregisterTaskDefinition to the driver's role or user");
    assert!(denied.stdout_text().contains("0 deleted"), "{denied:?}");
    world.double.clear_faults();
    for op in ["ListTaskDefinitionFamilies", "DeregisterTaskDefinition", "DeleteTaskDefinitions"] {
        world.double.inject(Fault::Throttle { op, times: 2 });
    }
    world.gc(&[]).await.ok();
    assert_eq!(world.double.definition_status(&old), "DELETE_IN_PROGRESS");
}

#[tokio::test(flavor = "multi_thread")]
async fn gc_fails_when_ecs_does_not_delete() {
    let world = World::start().await;
    let old = world.old_job("").await;
    let reason = "it is needed".to_owned();
    world.double.inject(Fault::KeepDefinitions { times: 1, reason });
    let said = world.gc(&[]).await.failed_as(1).says("ECS did not delete 1");
    let line = format!("{old} (last used {OLD}) not deleted: it is needed");
    assert!(said.stdout_text().contains(&line), "{said:?}");
}

#[tokio::test]
async fn gc_is_for_ecs_drivers_with_the_agent_only() {
    let double = EcsDouble::start(EcsOptions::default()).await;
    let plain = Host::ecs(&double, "");
    for (host, why) in [(&plain, "AgentImage is not set"), (&Host::local(), "Backend is \"local\"")]
    {
        ended(start(host, &[])).await.failed_as(1).says(why).says("derive no task definitions");
    }
    ended(start(&plain, &["--older-than", "soon"])).await.failed_as(2).says("--older-than");
    assert!(double.calls().is_empty());
}
