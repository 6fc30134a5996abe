//! How many calls a collection makes, and how fast.

use fargate_test_support::ecs::{EcsOptions, RateLimits, TaskProgram};

use super::*;

#[tokio::test]
async fn a_thousand_families_come_in_pages_and_only_the_old_ones_go() {
    let bench = Bench::start().await;
    let ours = ("fargate:base", "test-task");
    for n in 0..1000 {
        let used = if n % 50 == 7 { OLD } else { "2999-01-01" };
        let family = format!("test-task-{n:016x}");
        bench.register(&family, &[ours, ("fargate:used", used)]).await;
    }
    let told = bench.collect().await;
    assert_eq!(told.len(), 1000);
    let deleted: Vec<_> = told.iter().filter(|(_, fate)| *fate == Fate::Deleted).collect();
    assert_eq!(deleted.len(), 20);
    assert!(deleted.iter().any(|(name, _)| name == "test-task-0000000000000007:1"), "{deleted:?}");
    assert_eq!(bench.changed(), (20, 2), "ten are deleted at once");
    assert_eq!(bench.calls("ListTaskDefinitionFamilies"), 10);
    assert_eq!(bench.calls("DescribeTaskDefinition"), 1000, "one for each that stays");
}

#[tokio::test]
async fn the_pace_is_kept_where_launches_would_be_throttled() {
    let options = EcsOptions {
        program: TaskProgram::None,
        // A burst of one: whoever comes twice within 300 ms is refused.
        rate_limits: Some(RateLimits::only("DeregisterTaskDefinition", 1.0, 1000.0 / 300.0)),
        ..EcsOptions::default()
    };
    let double = EcsDouble::start(options).await;
    let bench = Bench { double, cache: tempfile::tempdir().unwrap() };
    for tag in 1..=3 {
        bench.old(&format!("alpine:{tag}")).await;
    }
    let mut what = quick(MONTH);
    what.pace.write = Duration::from_millis(1200);
    let told = bench.collect_as(bench.config(), &what).await.unwrap();
    assert_eq!(told.len(), 3);
    assert_eq!(bench.changed(), (3, 1), "none had to be made again");
}
