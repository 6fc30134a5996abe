//! Many launches at once, from several launchers and processes, where nothing is registered yet.

use std::process::Stdio;
use std::sync::Arc;

use fargate_backend_ecs::EcsLauncher;
use fargate_test_support::ecs::{EcsOptions, RateLimits, TaskProgram};
use tokio::process::Command;
use tokio::task::JoinSet;

use super::beside::{database, with_helper};
use super::*;

const IMAGES: usize = 5;
/// The cache directory, for [`launches_of_another_process`].
const CACHE: &str = "FARGATE_TEST_RACE_CACHE";

/// Each of `launchers` launches `each` tasks, all at once.
async fn launch_all(launchers: Vec<Arc<EcsLauncher>>, each: usize) {
    let mut launches = JoinSet::new();
    for launcher in launchers {
        for number in 0..each {
            let launcher = Arc::clone(&launcher);
            let mut spec = of(&format!("registry.example.com/app:{}", number % IMAGES));
            // What differs from job to job is no part of a definition.
            spec.needs.services = vec![database().variable("KEY", spec.key.as_str())];
            spec.needs.resources.memory = Some(1024);
            launches.spawn(async move { launcher.launch(&spec).await.map(drop) });
        }
    }
    while let Some(done) = launches.join_next().await {
        done.expect("no panic").expect("a task");
    }
}

/// Two other processes and four launchers in this one, fifty launches in all.
#[tokio::test(flavor = "multi_thread")]
async fn fifty_launches_of_five_sets_of_images_register_five_definitions_and_none_is_throttled_out()
{
    let options = EcsOptions {
        program: TaskProgram::None,
        rate_limits: Some(RateLimits::aws()),
        ..EcsOptions::default()
    };
    let (double, cache) = (EcsDouble::start(options).await, directory());
    let others: Vec<_> = (0..2)
        .map(|_| {
            Command::new(std::env::current_exe().expect("this program"))
                .args(["--exact", "definitions::race::launches_of_another_process"])
                .envs(double.env())
                .env(CACHE, cache.path())
                .stdout(Stdio::null())
                .kill_on_drop(true)
                .spawn()
                .expect("another process")
        })
        .collect();
    let mut launchers = Vec::new();
    for _ in 0..4 {
        launchers.push(launcher(&double, with_helper(cache.path())).await);
    }
    launch_all(launchers, 5).await;
    for mut other in others {
        assert!(other.wait().await.unwrap().success(), "all launches of another process succeed");
    }
    assert_eq!(double.tasks().len(), 50);
    assert_eq!(calls(&double, "RegisterTaskDefinition"), 5);
    let run: std::collections::BTreeSet<_> = run(&double).into_iter().collect();
    assert_eq!(run.len(), IMAGES);
    assert!(run.iter().all(|name| name.ends_with(":1")), "{run:?}");
    assert_eq!(calls(&double, "DescribeTaskDefinition"), 6, "each base and image once");
}

/// The other processes' part of the race; nothing when it is not one of them.
#[tokio::test(flavor = "multi_thread")]
async fn launches_of_another_process() {
    let Some(cache) = std::env::var_os(CACHE) else { return };
    let mut launchers = Vec::new();
    for _ in 0..3 {
        let launcher = EcsLauncher::connect(with_helper(Path::new(&cache))).await;
        launchers.push(Arc::new(launcher.expect("good settings")));
    }
    launch_all(launchers, 5).await;
}
