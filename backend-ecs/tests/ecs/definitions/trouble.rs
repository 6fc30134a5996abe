//! What goes wrong on the way to a definition.

use super::*;

#[tokio::test]
async fn throttling_and_concurrent_registrations_are_borne() {
    let (double, cache) = (api_double().await, directory());
    double.inject(Fault::Throttle { op: "DescribeTaskDefinition", times: 4 });
    double.inject(Fault::Throttle { op: "RegisterTaskDefinition", times: 3 });
    double.inject(Fault::concurrent_registration(3));
    double.inject(Fault::ServerError { op: "RegisterTaskDefinition", times: 3 });
    launch(&double, cache.path(), "alpine:3").await;
    assert_eq!(calls(&double, "RegisterTaskDefinition"), 10);
    assert_eq!(double.tasks().len(), 1);
}

#[tokio::test]
async fn a_lost_answer_to_a_registration_makes_no_second_revision() {
    let (double, cache) = (api_double().await, directory());
    double.inject(Fault::LostResponse { op: "RegisterTaskDefinition", times: 1 });
    launch(&double, cache.path(), "alpine:3").await;
    assert_eq!(calls(&double, "RegisterTaskDefinition"), 1);
    assert!(run(&double)[0].ends_with(":1"));
}

#[tokio::test]
async fn trouble_without_end_is_told_when_the_launch_is_over() {
    let (double, cache) = (api_double().await, directory());
    double.inject(Fault::concurrent_registration(u32::MAX));
    let mut config = with_agent(cache.path());
    config.launch_timeout = Duration::from_millis(200);
    let launch = launcher(&double, config).await;
    let error = launch.launch(&of("alpine:3")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Throttled, "{error:?}");
    assert_eq!(error.op(), "register task definition");
    assert!(error.context_value("family").is_some_and(|name| name.starts_with("test-task-")));
    assert!(error.context_value("request id").is_some());
    assert_eq!(calls(&double, "RunTask"), 0);
}

/// Where the cache knows a definition that was taken out of use, it is made again, once.
#[tokio::test]
async fn a_definition_that_was_taken_out_of_use_is_registered_again() {
    let (double, cache) = (api_double().await, directory());
    launch(&double, cache.path(), "alpine:3").await;
    let name = run(&double).remove(0);
    ecs(&double).deregister_task_definition().task_definition(&name).send().await.unwrap();
    launch(&double, cache.path(), "alpine:3").await;
    assert_eq!(calls(&double, "RegisterTaskDefinition"), 2);
    let family = name.strip_suffix(":1").unwrap();
    assert_eq!(run(&double), [name.clone(), name.clone(), format!("{family}:2")]);
    launch(&double, cache.path(), "alpine:3").await;
    assert_eq!(calls(&double, "RegisterTaskDefinition"), 2, "the cache has learnt it");
    assert_eq!(double.tasks().len(), 3);
}

#[tokio::test]
async fn a_definition_that_is_never_found_is_an_error_and_not_a_loop() {
    let (double, cache) = (api_double().await, directory());
    double.inject(Fault::Error {
        op: "RunTask",
        code: "ClientException".to_owned(),
        message: "TaskDefinition not found.".to_owned(),
        http_status: 400,
        times: u32::MAX,
    });
    let launcher = launcher(&double, with_agent(cache.path())).await;
    let error = launcher.launch(&of("alpine:3")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error:?}");
    let name = error.context_value("task definition").unwrap();
    assert!(name.starts_with("test-task-"), "{name}");
    assert_eq!((calls(&double, "RunTask"), calls(&double, "RegisterTaskDefinition")), (2, 1));
}

/// Anybody who may register can use any family's name.
#[tokio::test]
async fn what_somebody_else_registered_under_our_name_is_not_run() {
    let (double, cache) = (api_double().await, directory());
    launch(&double, cache.path(), "alpine:3").await;
    let name = run(&double).remove(0);
    let family = name.strip_suffix(":1").unwrap();
    let container =
        aws_sdk_ecs::types::ContainerDefinition::builder().name("ci-coordinator").image("evil:1");
    ecs(&double)
        .register_task_definition()
        .family(family)
        .network_mode(NetworkMode::Awsvpc)
        .cpu("256")
        .memory("512")
        .container_definitions(container.build())
        .send()
        .await
        .unwrap();
    let empty = directory();
    launch(&double, empty.path(), "alpine:3").await;
    assert_eq!(run(&double)[1], format!("{family}:3"));
}

#[tokio::test]
async fn a_lock_that_is_held_for_ever_is_not_waited_for_for_ever() {
    let (double, cache) = (api_double().await, directory());
    launch(&double, cache.path(), "alpine:3").await;
    let lock = std::fs::read_dir(cache.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|end| end == "lock"))
        .unwrap();
    let held = File::open(lock).unwrap();
    held.lock().unwrap();
    let mut config = with_agent(cache.path());
    config.pace.lock_patience = Duration::from_millis(50);
    let launcher = launcher(&double, config).await;
    let spec = of("alpine:4");
    let launch = tokio::time::timeout(Duration::from_secs(60), launcher.launch(&spec));
    launch.await.expect("no wait without end").unwrap();
    assert_eq!(calls(&double, "RegisterTaskDefinition"), 2);
}

#[tokio::test]
async fn a_cache_that_cannot_be_used_costs_calls_and_no_launch() {
    let double = api_double().await;
    let file = tempfile::NamedTempFile::new().unwrap();
    for _ in 0..2 {
        launch(&double, &file.path().join("below"), "alpine:3").await;
    }
    assert_eq!(asked(&double), (4, 1));

    let cache = directory();
    launch(&double, cache.path(), "alpine:3").await;
    for entry in std::fs::read_dir(cache.path()).unwrap() {
        std::fs::write(entry.unwrap().path(), "{\"damaged\":").unwrap();
    }
    launch(&double, cache.path(), "alpine:3").await;
    assert_eq!(asked(&double), (8, 1));
    launch(&double, cache.path(), "alpine:3").await;
    assert_eq!(asked(&double), (8, 1), "it is whole again");
}

#[tokio::test]
async fn every_refusal_names_the_remedy() {
    type Case = (fn(&EcsDouble, &mut EcsConfig), ErrorKind, &'static str);
    let table: [Case; 5] = [
        (|_, c| c.task_definition = "gone:1".to_owned(), ErrorKind::NotFound, "TaskDefinition"),
        (|_, c| c.task_definition = "plain-task".to_owned(), ErrorKind::InvalidConfig, "container"),
        (
            |d, _| d.inject(Fault::Deny { op: "DescribeTaskDefinition" }),
            ErrorKind::PermissionDenied,
            "ecs:DescribeTaskDefinition",
        ),
        (
            |d, _| d.inject(Fault::Deny { op: "RegisterTaskDefinition" }),
            ErrorKind::PermissionDenied,
            "ecs:RegisterTaskDefinition",
        ),
        (|d, _| d.inject(Fault::ExpiredToken { times: 1 }), ErrorKind::Unauthenticated, "clock"),
    ];
    for (change, kind, word) in table {
        let (double, cache) = (api_double().await, directory());
        let mut config = with_agent(cache.path());
        change(&double, &mut config);
        let launcher = launcher(&double, config).await;
        let error = launcher.launch(&of("alpine:3")).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error:?}");
        assert!(error.advice().is_some_and(|hint| hint.contains(word)), "{word}: {error:?}");
        assert_eq!(calls(&double, "RunTask"), 0);
    }
}
