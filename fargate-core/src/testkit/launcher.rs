//! The launcher cases. Each name is the promise it tests.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

use super::{LauncherBench, unique_key};
use crate::{
    ErrorKind, News, Pace, Result, Stopped, TaskHandle, TaskKey, TaskLauncher, TaskSpec, TaskStatus,
};

/// A hang guard, not a speed goal.
const PATIENCE: Duration = Duration::from_secs(60);
const GRACE: Duration = Duration::from_secs(2);

fn spec(bench: &LauncherBench, owner: &TaskKey) -> TaskSpec {
    TaskSpec::new(unique_key("conf"), owner.clone(), &bench.authorized_key)
        .deadline(Duration::from_secs(600))
        .label("purpose", "conformance")
}

fn owner() -> TaskKey {
    unique_key("owner")
}

async fn settled(launcher: &dyn TaskLauncher, task: &TaskHandle) -> TaskStatus {
    let until = Instant::now() + PATIENCE;
    loop {
        let status = launcher.status(task).await.expect("a status");
        match status {
            TaskStatus::Pending { .. } | TaskStatus::Running { endpoint: None } => {}
            settled => return settled,
        }
        assert!(Instant::now() < until, "{} did not settle: {status:?}", task.id());
        sleep(Duration::from_millis(20)).await;
    }
}

/// Whether a watch has ended because the task has.
fn is_over(watched: &Result<Stopped>) -> bool {
    match watched {
        Ok(_) => true,
        Err(error) => error.kind() == ErrorKind::NotFound,
    }
}

async fn clear(launcher: &dyn TaskLauncher, owner: &TaskKey) {
    for task in launcher.list(owner.as_str()).await.expect("a list") {
        launcher.stop(&task, GRACE).await.expect("stops");
    }
    assert_eq!(listed(launcher, owner).await, 0, "everything is stopped");
}

async fn listed(launcher: &dyn TaskLauncher, owner: &TaskKey) -> usize {
    launcher.list(owner.as_str()).await.expect("a list").len()
}

/// A launched task runs and says where it can be reached.
pub async fn launched_task_gets_an_address(launcher: &dyn TaskLauncher, bench: &LauncherBench) {
    let owner = owner();
    let task = launcher.launch(&spec(bench, &owner)).await.expect("launches");
    assert_eq!(task.backend(), launcher.backend());
    let status = settled(launcher, &task).await;
    assert!(matches!(status, TaskStatus::Running { endpoint: Some(_) }), "{status:?}");
    clear(launcher, &owner).await;
}

/// The same spec twice is one task.
pub async fn same_key_twice_is_one_task(launcher: &dyn TaskLauncher, bench: &LauncherBench) {
    let owner = owner();
    let spec = spec(bench, &owner);
    let first = launcher.launch(&spec).await.expect("launches");
    let second = launcher.launch(&spec).await.expect("finds it again");
    assert_eq!(first.id(), second.id());
    assert_eq!(listed(launcher, &owner).await, 1);
    clear(launcher, &owner).await;
}

/// The same spec from several callers at once is one task.
pub async fn same_key_at_once_is_one_task(launcher: &dyn TaskLauncher, bench: &LauncherBench) {
    let owner = owner();
    let spec = spec(bench, &owner);
    let (a, b, c, d) = tokio::join!(
        launcher.launch(&spec),
        bench.again.launch(&spec),
        launcher.launch(&spec),
        bench.again.launch(&spec),
    );
    let ids: Vec<_> =
        [a, b, c, d].into_iter().map(|task| task.expect("launches").id().to_owned()).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    assert_eq!(listed(launcher, &owner).await, 1);
    clear(launcher, &owner).await;
}

/// A handle can be written down and used by another instance.
pub async fn handle_survives_a_round_trip_through_json(
    launcher: &dyn TaskLauncher,
    bench: &LauncherBench,
) {
    let owner = owner();
    let task = launcher.launch(&spec(bench, &owner)).await.expect("launches");
    let text = serde_json::to_string(&task).expect("serialises");
    let read: TaskHandle = serde_json::from_str(&text).expect("reads back");
    assert_eq!(read, task);
    let status = settled(&*bench.again, &read).await;
    assert!(matches!(status, TaskStatus::Running { .. }), "{status:?}");
    bench.again.stop(&read, GRACE).await.expect("stops");
    assert_eq!(listed(launcher, &owner).await, 0);
}

/// Another process finds the task by its owner, with its key.
pub async fn another_instance_finds_the_task(launcher: &dyn TaskLauncher, bench: &LauncherBench) {
    let owner = owner();
    let spec = spec(bench, &owner);
    let task = launcher.launch(&spec).await.expect("launches");
    let found = bench.again.list(owner.as_str()).await.expect("a list");
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].id(), task.id());
    assert_eq!(found[0].key(), Some(spec.key.as_str()));
    clear(&*bench.again, &owner).await;
}

/// `list` returns one owner's tasks only.
pub async fn owners_do_not_see_each_other(launcher: &dyn TaskLauncher, bench: &LauncherBench) {
    let (mine, theirs) = (owner(), owner());
    let task = launcher.launch(&spec(bench, &mine)).await.expect("launches");
    assert_eq!(listed(launcher, &theirs).await, 0);
    let other = launcher.launch(&spec(bench, &theirs)).await.expect("launches");
    assert_ne!(task.id(), other.id());
    clear(launcher, &mine).await;
    assert_eq!(listed(launcher, &theirs).await, 1, "stopping mine leaves theirs");
    clear(launcher, &theirs).await;
}

/// A watch tells each state once, up to an address, and ends with the task; a watch of what is
/// over ends at once.
pub async fn watch_tells_the_way_up_and_the_end(
    launcher: &dyn TaskLauncher,
    bench: &LauncherBench,
) {
    let owner = owner();
    let task = launcher.launch(&spec(bench, &owner)).await.expect("launches");
    let (sender, mut news) = mpsc::unbounded_channel();
    let mut told = move |said: News<'_>| {
        if let News::Status(status) = said {
            sender.send(status.clone()).expect("somebody listens");
        }
    };
    let pace = Pace::local();
    let watch = launcher.watch(&task, &pace, &mut told);
    let mut seen = Vec::new();
    let stop = async {
        while !matches!(seen.last(), Some(TaskStatus::Running { endpoint: Some(_) })) {
            seen.push(news.recv().await.expect("a state"));
        }
        bench.again.stop(&task, GRACE).await.expect("stops");
    };
    let both = async { tokio::join!(watch, stop).0 };
    let watched = timeout(PATIENCE, both).await.expect("the watch ends with the task");
    assert!(is_over(&watched), "{watched:?}");
    while let Ok(status) = news.try_recv() {
        seen.push(status);
    }
    assert!(seen.windows(2).all(|pair| pair[0] != pair[1]), "each change once: {seen:?}");
    assert!(!seen.iter().any(|one| matches!(one, TaskStatus::Stopped(_))), "{seen:?}");

    let mut ignored = |_: News<'_>| {};
    let again = bench.again.watch(&task, &pace, &mut ignored);
    let watched = timeout(PATIENCE, again).await.expect("a watch of what is over ends");
    assert!(is_over(&watched), "{watched:?}");
    clear(launcher, &owner).await;
}

/// A watch that was dropped at any moment leaves nothing in the way of the next.
pub async fn dropped_watch_can_be_taken_up_again(
    launcher: &dyn TaskLauncher,
    bench: &LauncherBench,
) {
    let owner = owner();
    let task = launcher.launch(&spec(bench, &owner)).await.expect("launches");
    let pace = Pace::local();
    let mut ignored = |_: News<'_>| {};
    for micros in [0, 300, 1_000, 10_000, 100_000] {
        let watch = launcher.watch(&task, &pace, &mut ignored);
        let dropped = timeout(Duration::from_micros(micros), watch).await;
        assert!(dropped.is_err(), "not over after {micros} us: {dropped:?}");
    }
    let watch = launcher.watch(&task, &pace, &mut ignored);
    let both = async { tokio::join!(watch, bench.again.stop(&task, GRACE)) };
    let (watched, stop) = timeout(PATIENCE, both).await.expect("the watch ends with the task");
    stop.expect("stops");
    assert!(is_over(&watched), "{watched:?}");
    clear(launcher, &owner).await;
}

/// A stopped task is over, for every instance.
pub async fn stop_ends_the_task(launcher: &dyn TaskLauncher, bench: &LauncherBench) {
    let owner = owner();
    let task = launcher.launch(&spec(bench, &owner)).await.expect("launches");
    settled(launcher, &task).await;
    bench.again.stop(&task, GRACE).await.expect("stops");
    let over = match launcher.status(&task).await {
        Ok(status) => matches!(status, TaskStatus::Stopped(_)),
        Err(error) => error.kind() == ErrorKind::NotFound,
    };
    assert!(over);
    assert_eq!(listed(launcher, &owner).await, 0);
}

/// Stopping what is stopped is fine, at any time.
pub async fn stop_twice_is_fine(launcher: &dyn TaskLauncher, bench: &LauncherBench) {
    let owner = owner();
    let task = launcher.launch(&spec(bench, &owner)).await.expect("launches");
    let (one, two) = tokio::join!(launcher.stop(&task, GRACE), bench.again.stop(&task, GRACE));
    one.expect("stops");
    two.expect("stops at the same time");
    launcher.stop(&task, GRACE).await.expect("stops again");
    assert_eq!(listed(launcher, &owner).await, 0);
}

/// A key whose task was stopped does not come to life again.
pub async fn stopped_key_stays_dead(launcher: &dyn TaskLauncher, bench: &LauncherBench) {
    let owner = owner();
    let spec = spec(bench, &owner);
    let task = launcher.launch(&spec).await.expect("launches");
    launcher.stop(&task, GRACE).await.expect("stops");
    match launcher.launch(&spec).await {
        Ok(again) => assert_eq!(again.id(), task.id()),
        Err(error) => assert_eq!(error.kind(), ErrorKind::Conflict, "{error:?}"),
    }
    assert_eq!(listed(launcher, &owner).await, 0);
}

/// A launch that was dropped at any moment left nothing, or something `list` finds; and the same
/// launch again still makes one task.
pub async fn dropped_launch_leaves_nothing_that_list_cannot_find(
    launcher: &dyn TaskLauncher,
    bench: &LauncherBench,
) {
    for micros in [0, 300, 1_000, 3_000, 10_000, 30_000] {
        let owner = owner();
        let spec = spec(bench, &owner);
        let _dropped = timeout(Duration::from_micros(micros), launcher.launch(&spec)).await;
        let task = bench.again.launch(&spec).await.expect("launches");
        let found = bench.again.list(owner.as_str()).await.expect("a list");
        assert_eq!(found.len(), 1, "dropped after {micros} us");
        assert_eq!(found[0].id(), task.id());
        clear(launcher, &owner).await;
    }
}

/// A handle of another backend is refused by name.
pub async fn foreign_handle_is_refused(launcher: &dyn TaskLauncher, _: &LauncherBench) {
    let foreign = TaskHandle::new("elsewhere", "task-1", serde_json::json!({}));
    let status = launcher.status(&foreign).await.expect_err("refused");
    assert_eq!(status.kind(), ErrorKind::Unsupported);
    let watch = launcher.watch(&foreign, &Pace::local(), &mut |_| {}).await.expect_err("refused");
    assert_eq!(watch.kind(), ErrorKind::Unsupported);
    let stop = launcher.stop(&foreign, GRACE).await.expect_err("refused");
    assert_eq!(stop.kind(), ErrorKind::Unsupported);
}
