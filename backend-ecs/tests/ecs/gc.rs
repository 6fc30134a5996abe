//! Derived task definitions that nobody uses any more, and those that stay.

use std::path::Path;
use std::time::Duration;

use aws_sdk_ecs::types::{ContainerDefinition, NetworkMode, Tag, TaskDefinitionStatus};
use fargate_backend_ecs::{AgentSetup, Collected, Collection, EcsConfig, Fate, Reason};
use fargate_core::{ErrorKind, Result, TaskHandle, TaskImage, TaskLauncher};
use fargate_test_support::ecs::{EcsDouble, Fault};
use serde_json::Value;
use tempfile::TempDir;

use crate::bench::{api_double, config, launcher, sdk, spec};

mod calls;
mod marks;
mod trouble;
mod witness;

const MONTH: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// Not used for long.
const OLD: &str = "2020-01-31";

/// A machine, which has a cache, in a world of its own.
struct Bench {
    double: EcsDouble,
    cache: TempDir,
}

impl Bench {
    async fn start() -> Self {
        Self { double: api_double().await, cache: tempfile::tempdir().expect("a directory") }
    }

    fn config(&self) -> EcsConfig {
        with_agent(self.cache.path())
    }

    /// Launches `image` from a process of its own.
    async fn launch(&self, image: &str) -> TaskHandle {
        let launcher = launcher(&self.double, self.config()).await;
        let spec = spec().image(TaskImage::new(image));
        launcher.launch(&spec).await.expect("a task")
    }

    /// Registers a definition for `image`, whose only task has ended; its `family:revision`.
    async fn used(&self, image: &str) -> String {
        let task = self.launch(image).await;
        self.stop(&task).await;
        self.run().pop().expect("a launch")
    }

    async fn stop(&self, task: &TaskHandle) {
        let launcher = launcher(&self.double, self.config()).await;
        launcher.stop(task, Duration::ZERO).await.expect("it is stopped");
        self.double.wait_for(task.id(), "STOPPED").await;
    }

    /// As [`used`](Self::used), but long ago.
    async fn old(&self, image: &str) -> String {
        let name = self.used(image).await;
        self.tag(&name, "fargate:used", OLD).await;
        name
    }

    /// `family:revision` of what RunTask was asked for, oldest first.
    fn run(&self) -> Vec<String> {
        let name = |request: &Value| request["taskDefinition"].as_str().expect("a name").to_owned();
        self.double.requests("RunTask").iter().map(name).collect()
    }

    async fn tag(&self, name: &str, key: &str, value: &str) {
        let client = ecs(&self.double);
        let arn = client.describe_task_definition().task_definition(name).send().await;
        let arn = arn.expect("a definition").task_definition.expect("one").task_definition_arn;
        let tag = Tag::builder().key(key).value(value).build();
        let tagged = client.tag_resource().resource_arn(arn.expect("an ARN")).tags(tag);
        tagged.send().await.expect("it is tagged");
    }

    /// What the tag says; `None` without one.
    async fn tag_of(&self, name: &str, key: &str) -> Option<String> {
        let shown = ecs(&self.double)
            .describe_task_definition()
            .task_definition(name)
            .include(aws_sdk_ecs::types::TaskDefinitionField::Tags);
        let shown = shown.send().await.expect("a definition");
        let tag = shown.tags().iter().find(|tag| tag.key() == Some(key))?;
        tag.value().map(ToOwned::to_owned)
    }

    async fn status(&self, name: &str) -> TaskDefinitionStatus {
        let shown = ecs(&self.double).describe_task_definition().task_definition(name).send();
        let shown = shown.await.expect("a definition").task_definition.expect("one");
        shown.status.expect("a status")
    }

    /// Registers a definition as somebody else does.
    async fn register(&self, family: &str, tags: &[(&str, &str)]) {
        let container = ContainerDefinition::builder().name("app").image("app:1").build();
        let tag = |(key, value): &(&str, &str)| Tag::builder().key(*key).value(*value).build();
        let tags: Vec<Tag> = tags.iter().map(tag).collect();
        ecs(&self.double)
            .register_task_definition()
            .family(family)
            .network_mode(NetworkMode::Awsvpc)
            .cpu("256")
            .memory("512")
            .container_definitions(container)
            .set_tags(Some(tags).filter(|tags| !tags.is_empty()))
            .send()
            .await
            .expect("it is registered");
    }

    /// Collects what was not used for a month.
    async fn collect(&self) -> Vec<(String, Fate)> {
        self.collect_as(self.config(), &quick(MONTH)).await.expect("nothing goes wrong")
    }

    async fn collect_as(
        &self,
        config: EcsConfig,
        what: &Collection,
    ) -> Result<Vec<(String, Fate)>> {
        let mut all = Vec::new();
        let mut told = |one: &Collected| all.push((one.name.clone(), one.fate.clone()));
        launcher(&self.double, config).await.collect(what, &mut told).await?;
        Ok(all)
    }

    fn calls(&self, operation: &str) -> u64 {
        self.double.calls().get(operation).copied().unwrap_or_default()
    }

    /// How often something was deregistered and deleted.
    fn changed(&self) -> (u64, u64) {
        (self.calls("DeregisterTaskDefinition"), self.calls("DeleteTaskDefinitions"))
    }
}

fn with_agent(cache: &Path) -> EcsConfig {
    let mut config = config();
    config.agent = Some(AgentSetup::new("registry.example.com/fargate-agent:1"));
    config.cache_directory = cache.into();
    config
}

/// Without pauses: what throttles here is the double.
fn quick(older_than: Duration) -> Collection {
    let mut what = Collection::new(older_than);
    (what.pace.read, what.pace.write) = (Duration::ZERO, Duration::ZERO);
    what
}

async fn until(holds: impl Fn() -> bool) {
    let limit = tokio::time::Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(tokio::time::Instant::now() < limit, "it did not come about");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn ecs(double: &EcsDouble) -> aws_sdk_ecs::Client {
    aws_sdk_ecs::Client::new(&sdk(double))
}

#[tokio::test]
async fn only_what_is_old_and_unused_is_collected() {
    let bench = Bench::start().await;
    let (old, young) = (bench.old("alpine:3").await, bench.used("alpine:4").await);
    bench.launch("alpine:5").await;
    let running = bench.run().pop().unwrap();
    bench.tag(&running, "fargate:used", OLD).await;

    let mut wanted = vec![
        (old.clone(), Fate::Deleted),
        (young.clone(), Fate::Kept(Reason::UsedLately)),
        (running.clone(), Fate::Kept(Reason::InUse)),
    ];
    let mut told = bench.collect().await;
    wanted.sort_by(|one, other| one.0.cmp(&other.0));
    told.sort_by(|one, other| one.0.cmp(&other.0));
    assert_eq!(told, wanted);
    assert_eq!(bench.status(&old).await, TaskDefinitionStatus::DeleteInProgress);
    for kept in [&young, &running, "test-task:1"] {
        assert_eq!(bench.status(kept).await, TaskDefinitionStatus::Active, "{kept}");
    }

    let changed = bench.changed();
    assert_eq!(changed, (1, 1));
    let again = bench.collect().await;
    assert!(again.iter().all(|(_, fate)| matches!(fate, Fate::Kept(_))), "{again:?}");
    assert_eq!((again.len(), bench.changed()), (2, changed));
}

#[tokio::test]
async fn a_task_that_is_only_pending_keeps_its_definition() {
    let bench = Bench::start().await;
    bench.double.inject(Fault::NeverRunning);
    bench.launch("alpine:3").await;
    let name = bench.run().pop().unwrap();
    bench.tag(&name, "fargate:used", OLD).await;
    assert_eq!(bench.collect().await, [(name, Fate::Kept(Reason::InUse))]);
    assert_eq!(bench.changed(), (0, 0));
}

#[tokio::test]
async fn what_somebody_else_registered_is_never_collected() {
    let bench = Bench::start().await;
    let used = ("fargate:used", OLD);
    let ours = ("fargate:base", "test-task");
    bench.register("test-task-0123456789abcdef", &[used]).await;
    bench.register("test-task-1123456789abcdef", &[used, ("fargate:base", "other")]).await;
    bench.register("test-task-web", &[used, ours]).await;
    bench.register("test-task-web-2123456789abcdef", &[used, ours]).await;
    bench.register("test-tas-3123456789abcdef", &[used, ours]).await;
    let old = bench.old("alpine:3").await;
    // A newer revision of ours that is not ours.
    bench.register(old.split(':').next().unwrap(), &[used]).await;

    let told = bench.collect().await;
    assert!(told.iter().all(|(_, fate)| *fate == Fate::Kept(Reason::Unmarked)), "{told:?}");
    assert_eq!((told.len(), bench.changed()), (3, (0, 0)));
}

#[tokio::test]
async fn every_revision_of_an_unused_family_is_collected_but_what_is_not_ours() {
    let bench = Bench::start().await;
    let name = bench.old("alpine:3").await;
    let family = name.split(':').next().unwrap();
    let (used, ours) = (("fargate:used", OLD), ("fargate:base", "test-task"));
    bench.register(family, &[used]).await;
    bench.register(family, &[ours, used]).await;
    let told = bench.collect().await;
    let fate = |revision| {
        let name = format!("{family}:{revision}");
        told.iter().find(|(one, _)| *one == name).map(|(_, fate)| fate.clone())
    };
    assert_eq!(
        [fate(1), fate(2), fate(3)],
        [Some(Fate::Deleted), Some(Fate::Kept(Reason::Unmarked)), Some(Fate::Deleted)]
    );
}

#[tokio::test]
async fn a_dry_run_changes_nothing_and_says_what_would_be_deleted() {
    let bench = Bench::start().await;
    let (old, young) = (bench.old("alpine:3").await, bench.used("alpine:4").await);
    let mut what = quick(MONTH);
    what.dry_run = true;
    let mut told = bench.collect_as(bench.config(), &what).await.unwrap();
    told.sort_by_key(|(name, _)| *name == young);
    assert_eq!(told, [(old.clone(), Fate::Due), (young, Fate::Kept(Reason::UsedLately))]);
    assert_eq!(bench.changed(), (0, 0));
    assert_eq!(bench.status(&old).await, TaskDefinitionStatus::Active);
}

#[tokio::test]
async fn a_use_counts_until_the_end_of_its_day() {
    let bench = Bench::start().await;
    let name = bench.used("alpine:3").await;
    let none = quick(Duration::ZERO);
    let today = bench.collect_as(bench.config(), &none).await.unwrap();
    assert_eq!(today, [(name.clone(), Fate::Kept(Reason::UsedLately))]);
    // Without a date the registration counts, which is today's.
    bench.tag(&name, "fargate:used", "some day").await;
    let today = bench.collect_as(bench.config(), &none).await.unwrap();
    assert_eq!(today, [(name.clone(), Fate::Kept(Reason::UsedLately))]);
    bench.tag(&name, "fargate:used", OLD).await;
    let old = bench.collect_as(bench.config(), &none).await.unwrap();
    assert_eq!(old, [(name, Fate::Deleted)]);
}

#[tokio::test]
async fn a_launch_after_a_collection_registers_again() {
    let bench = Bench::start().await;
    let elsewhere = tempfile::tempdir().unwrap();
    let name = bench.old("alpine:3").await;
    // Another machine knows it too.
    let other = launcher(&bench.double, with_agent(elsewhere.path())).await;
    let spec_there = spec().image(TaskImage::new("alpine:3"));
    bench.stop(&other.launch(&spec_there).await.unwrap()).await;
    bench.tag(&name, "fargate:used", OLD).await;
    assert_eq!(bench.collect().await, [(name.clone(), Fate::Deleted)]);

    bench.launch("alpine:3").await;
    let again = name.replace(":1", ":2");
    let run = bench.run();
    assert_eq!(run[2..], [again.as_str()], "this machine does not try what it deleted");
    let spec_there = spec().image(TaskImage::new("alpine:3"));
    other.launch(&spec_there).await.unwrap();
    let run = bench.run();
    assert_eq!(run[run.len() - 2..], [name, again], "found out, then found");
    assert_eq!(bench.calls("RegisterTaskDefinition"), 2);
}

#[tokio::test]
async fn a_launch_that_races_with_a_collection_works() {
    let bench = Bench::start().await;
    let name = bench.old("alpine:3").await;
    bench.double.inject(Fault::Delay { op: "RunTask", by: Duration::from_secs(5), times: 1 });
    let collected = async {
        until(|| bench.calls("RunTask") == 2).await;
        bench.collect().await
    };
    let (_, told) = tokio::join!(bench.launch("alpine:3"), collected);
    assert_eq!(told, [(name.clone(), Fate::Deleted)]);
    assert_eq!(bench.run()[1..], [name.clone(), name.replace(":1", ":2")]);
    assert_eq!(bench.double.running(), 1);
}

#[tokio::test]
async fn without_an_agent_there_is_nothing_to_collect() {
    let bench = Bench::start().await;
    let error = bench.collect_as(config(), &quick(MONTH)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(bench.double.calls().is_empty());
}
