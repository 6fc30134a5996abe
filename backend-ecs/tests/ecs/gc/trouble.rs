//! Collections that meet trouble, or end in the middle.

use super::*;

const OPERATIONS: [&str; 6] = [
    "ListTaskDefinitionFamilies",
    "DescribeTaskDefinition",
    "ListTaskDefinitions",
    "ListTasks",
    "DeregisterTaskDefinition",
    "DeleteTaskDefinitions",
];

#[tokio::test]
async fn a_right_that_is_missing_is_named_and_nothing_is_lost() {
    let bench = Bench::start().await;
    let name = bench.old("alpine:3").await;
    for op in OPERATIONS {
        bench.double.inject(Fault::Deny { op });
        let error = bench.collect_as(bench.config(), &quick(MONTH)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
        let advice = error.advice().unwrap_or_default();
        assert_eq!(advice, format!("allow ecs:{op} to the driver's role or user"));
        bench.double.clear_faults();
        let left = error.context_value("left for the next run to delete");
        if op == "DeleteTaskDefinitions" {
            assert_eq!(left, Some("1"));
            assert_eq!(bench.status(&name).await, TaskDefinitionStatus::Inactive);
        } else {
            assert_eq!((left, bench.status(&name).await), (None, TaskDefinitionStatus::Active));
        }
    }
    // A right that was granted meanwhile is all that the rest needs.
    assert_eq!(bench.collect().await, [(name, Fate::Deleted)]);
}

#[tokio::test]
async fn throttling_and_short_trouble_are_borne() {
    let bench = Bench::start().await;
    let name = bench.old("alpine:3").await;
    for op in OPERATIONS {
        bench.double.inject(Fault::Throttle { op, times: 3 });
        bench.double.inject(Fault::ServerError { op, times: 1 });
        bench.double.inject(Fault::LostResponse { op, times: 1 });
    }
    assert_eq!(bench.collect().await, [(name.clone(), Fate::Deleted)]);
    assert_eq!(bench.status(&name).await, TaskDefinitionStatus::DeleteInProgress);
}

#[tokio::test]
async fn a_collection_that_is_interrupted_is_completed_by_the_next() {
    let bench = Bench::start().await;
    let name = bench.old("alpine:3").await;
    let delay = Duration::from_secs(600);
    bench.double.inject(Fault::Delay { op: "DeleteTaskDefinitions", by: delay, times: 1 });
    tokio::select! {
        told = bench.collect() => panic!("not interrupted: {told:?}"),
        () = until(|| bench.calls("DeleteTaskDefinitions") == 1) => {}
    }
    assert_eq!(bench.status(&name).await, TaskDefinitionStatus::Inactive);
    // One that was registered meanwhile is another revision.
    let task = bench.launch("alpine:3").await;
    let young = name.replace(":1", ":2");
    let told = bench.collect().await;
    assert_eq!(told, [(young.clone(), Fate::Kept(Reason::UsedLately))]);
    bench.stop(&task).await;
    bench.tag(&young, "fargate:used", OLD).await;
    let mut told = bench.collect().await;
    told.sort_by(|one, other| one.0.cmp(&other.0));
    assert_eq!(told, [(name.clone(), Fate::Deleted), (young, Fate::Deleted)]);
    assert_eq!(bench.calls("DeregisterTaskDefinition"), 2, "the first was INACTIVE already");
}

#[tokio::test]
async fn a_family_that_is_only_inactive_is_completed_too() {
    let bench = Bench::start().await;
    let name = bench.old("alpine:3").await;
    ecs(&bench.double).deregister_task_definition().task_definition(&name).send().await.unwrap();
    assert_eq!(bench.collect().await, [(name, Fate::Deleted)]);
    assert_eq!(bench.changed(), (1, 1), "the test's own, and the deletion");
    assert_eq!(bench.collect().await, []);
}

#[tokio::test]
async fn what_ecs_does_not_delete_is_told_with_its_reason() {
    let bench = Bench::start().await;
    let name = bench.old("alpine:3").await;
    let reason = "The definition is needed.".to_owned();
    bench.double.inject(Fault::KeepDefinitions { times: 1, reason: reason.clone() });
    assert_eq!(bench.collect().await, [(name.clone(), Fate::Refused(reason))]);
    assert_eq!(bench.collect().await, [(name, Fate::Deleted)]);
}

#[tokio::test]
async fn two_collections_at_once_do_no_harm() {
    let bench = Bench::start().await;
    for tag in 1..=4 {
        bench.old(&format!("alpine:{tag}")).await;
    }
    let by = Duration::from_secs(5);
    bench.double.inject(Fault::Delay { op: "DeregisterTaskDefinition", by, times: 1 });
    let second = async {
        until(|| bench.calls("DeregisterTaskDefinition") == 1).await;
        bench.collect().await
    };
    // The first finds one gone that it is about to deregister.
    let (one, other) = tokio::join!(bench.collect(), second);
    assert_eq!((one.len(), other.len()), (1, 4));
    for (name, fate) in one.iter().chain(&other) {
        assert_eq!(*fate, Fate::Deleted, "{name}");
        assert_eq!(bench.status(name).await, TaskDefinitionStatus::DeleteInProgress);
    }
    assert_eq!(bench.collect().await, []);
}
