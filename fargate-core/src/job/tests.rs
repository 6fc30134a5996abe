//! The life of a job under every fault, on a backend in memory.
//!
//! Time is paused: pauses and deadlines pass at once, in order.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::lost::outcome_unknown;
use super::*;
use crate::testkit::{Faults, FaultyExec, FaultyLauncher, MemoryCloud, Method, When};
use crate::{
    Collected, Endpoint, Error, ErrorKind, ExecRequest, ExitStatus, Pace, RemoteExec, Result,
    StopCause, Stopped, TaskImage, TaskLauncher, TaskService,
};

mod beside;

#[derive(Debug)]
struct World {
    cloud: MemoryCloud,
    faults: Arc<Faults>,
    directory: tempfile::TempDir,
    helper: Option<u16>,
}

#[derive(Debug)]
struct Backend {
    cloud: MemoryCloud,
    faults: Arc<Faults>,
    /// The port of a helper container.
    helper: Option<u16>,
}

#[async_trait]
impl JobBackend for Backend {
    async fn launcher(&self) -> Result<Arc<dyn TaskLauncher>> {
        Ok(Arc::new(FaultyLauncher::new(Arc::new(self.cloud.clone()), self.faults.clone())))
    }

    fn new_credential(&self) -> Result<Credential> {
        Ok(Credential {
            public: format!("key {}", fastrand::u64(..)),
            private: None,
            host_secret: None,
        })
    }

    fn exec(&self, _: &Credential) -> Result<Arc<dyn RemoteExec>> {
        Ok(Arc::new(FaultyExec::new(Arc::new(self.cloud.clone()), self.faults.clone())))
    }

    fn helper(&self, job: &Endpoint) -> Option<Endpoint> {
        job.clone().on_port(self.helper?)
    }

    fn service_check(&self, service: &TaskService) -> Option<ExecRequest> {
        service.port.map(|port| ExecRequest::script(format!("exit {}", u8::from(port == 1))))
    }

    fn pace(&self) -> Pace {
        Pace::remote()
    }
}

impl World {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        Self { cloud: MemoryCloud::new(), faults: Faults::new(), directory, helper: None }
    }

    fn store(&self) -> HandleStore {
        HandleStore::open(self.directory.path().join("metadata")).unwrap()
    }

    /// A new process of the same job.
    fn life(&self) -> JobLife {
        let backend =
            Backend { cloud: self.cloud.clone(), faults: self.faults.clone(), helper: self.helper };
        JobLife::new(job(), Arc::new(backend), self.store(), Arc::new(()))
    }

    fn launcher_calls(&self) -> u32 {
        [Method::Launch, Method::Status, Method::Stop, Method::List]
            .map(|method| self.faults.calls(method))
            .iter()
            .sum()
    }

    fn files(&self) -> usize {
        std::fs::read_dir(self.directory.path().join("metadata")).unwrap().count()
    }

    async fn prepare(&self) -> Result<()> {
        self.life().prepare(&plan(), &CancellationToken::new()).await
    }

    /// A prepare that gets a cancel after five seconds.
    async fn prepare_cancelled_later(&self) -> Result<()> {
        let cancel = CancellationToken::new();
        let (life, plan) = (self.life(), plan());
        let later = async {
            tokio::time::sleep(Duration::from_secs(5)).await;
            cancel.cancel();
        };
        tokio::join!(life.prepare(&plan, &cancel), later).0
    }

    async fn run(&self, script: &str) -> Result<ExitStatus> {
        self.life()
            .run(
                JobContainer::Job,
                ExecRequest::script(script.to_owned()),
                &mut Collected::default(),
            )
            .await
    }

    async fn cleanup_leaves_nothing(&self) {
        self.life().cleanup().await.unwrap();
        assert_eq!(self.cloud.running(), 0);
        assert_eq!(self.files(), 0);
    }
}

fn job() -> JobId {
    JobId::from_fields(&["server", "7"])
}

fn plan() -> PreparePlan {
    PreparePlan::new(Duration::from_secs(60))
}

/// Every place where a prepare can be hit: each call it makes, before and after its work.
const PLACES: [(Method, When); 7] = [
    (Method::Launch, When::Hang),
    (Method::Launch, When::HangAfter),
    (Method::Status, When::Hang),
    (Method::Status, When::HangAfter),
    (Method::Watch, When::Hang),
    (Method::Probe, When::Hang),
    (Method::Probe, When::HangAfter),
];

/// A prepare that is killed in the middle: nothing of it runs on.
async fn killed_prepare(world: &World, method: Method, when: When) {
    world.faults.plan(method, 1, when);
    let dropped = timeout(Duration::from_secs(5), world.prepare()).await;
    assert!(dropped.is_err(), "{method:?} {when:?} was not reached");
}

#[tokio::test(start_paused = true)]
async fn a_job_runs_from_prepare_to_cleanup_and_leaves_nothing() {
    let world = World::new();
    world.prepare().await.unwrap();
    assert_eq!(world.cloud.running(), 1);
    assert_eq!(world.run("echo hi\nexit 42").await.unwrap(), ExitStatus::Code(42));
    assert_eq!(world.run("true").await.unwrap(), ExitStatus::Code(0));
    world.cleanup_leaves_nothing().await;
}

#[tokio::test(start_paused = true)]
async fn run_asks_the_backend_nothing() {
    let world = World::new();
    world.prepare().await.unwrap();
    let before = world.launcher_calls();
    world.run("true").await.unwrap();
    assert_eq!(world.launcher_calls(), before);
}

#[tokio::test(start_paused = true)]
async fn a_good_prepare_needs_no_listing() {
    let world = World::new();
    world.prepare().await.unwrap();
    world.life().cleanup().await.unwrap();
    assert_eq!(world.faults.calls(Method::List), 0);
    assert_eq!(world.faults.calls(Method::Launch), 1);
    assert_eq!(world.faults.calls(Method::Stop), 1);
}

#[tokio::test(start_paused = true)]
async fn cleanup_without_prepare_and_cleanup_twice_succeed_quietly() {
    let world = World::new();
    assert_eq!(world.life().cleanup().await.unwrap(), Cleaned::Nothing);
    assert_eq!(world.launcher_calls(), 0);
    world.prepare().await.unwrap();
    assert_eq!(world.life().cleanup().await.unwrap(), Cleaned::Stopped(1));
    assert_eq!(world.life().cleanup().await.unwrap(), Cleaned::Nothing);
    assert_eq!(world.faults.calls(Method::Stop), 1);
}

#[tokio::test(start_paused = true)]
async fn after_a_killed_prepare_cleanup_finds_the_task() {
    for (method, when) in PLACES {
        let world = World::new();
        killed_prepare(&world, method, when).await;
        world.cleanup_leaves_nothing().await;
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_killed_prepare_the_next_one_goes_on_with_the_same_task() {
    for (method, when) in PLACES {
        let world = World::new();
        killed_prepare(&world, method, when).await;
        world.prepare().await.unwrap();
        assert_eq!(world.cloud.running(), 1, "{method:?} {when:?}");
        assert_eq!(world.cloud.launched(), 1, "{method:?} {when:?}");
        assert_eq!(world.run("exit 3").await.unwrap(), ExitStatus::Code(3));
        world.cleanup_leaves_nothing().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_is_launched_again_with_the_image_it_had() {
    let asked_for = |image: Option<&str>| {
        let mut plan = plan();
        plan.needs.image = image.map(|name| TaskImage::new(name).entrypoint(["/init", "-v"]));
        plan.task_deadline = image.map(|name| Duration::from_secs(name.len() as u64));
        plan
    };
    for (first, second) in [(Some("a:1"), Some("b:1")), (None, Some("b:1")), (Some("a:1"), None)] {
        let world = World::new();
        world.faults.plan(Method::Launch, 1, When::HangAfter);
        world.faults.plan(Method::List, 1, When::Before(ErrorKind::PermissionDenied));
        let (life, plan) = (world.life(), asked_for(first));
        let cancel = CancellationToken::new();
        let killed = timeout(Duration::from_secs(5), life.prepare(&plan, &cancel)).await;
        assert!(killed.is_err(), "the launch was not reached");
        world.life().prepare(&asked_for(second), &cancel).await.unwrap();
        let asked = world.cloud.asked();
        assert_eq!(asked.len(), 2);
        assert_eq!(asked[0].needs.image, asked_for(first).needs.image);
        assert_eq!((&asked[0].key, &asked[0].needs), (&asked[1].key, &asked[1].needs));
        assert_eq!(
            (asked[0].deadline, asked[1].deadline),
            (asked_for(first).task_deadline, asked[0].deadline)
        );
        world.cleanup_leaves_nothing().await;
    }
}

#[tokio::test(start_paused = true)]
async fn without_the_right_to_list_the_same_key_finds_the_task() {
    let world = World::new();
    killed_prepare(&world, Method::Launch, When::HangAfter).await;
    world.faults.plan(Method::List, 1, When::Before(ErrorKind::PermissionDenied));
    world.prepare().await.unwrap();
    assert_eq!(world.cloud.launched(), 1);
    world.cleanup_leaves_nothing().await;
}

#[tokio::test(start_paused = true)]
async fn a_second_prepare_after_a_good_one_uses_its_task() {
    let world = World::new();
    world.prepare().await.unwrap();
    world.prepare().await.unwrap();
    assert_eq!(world.cloud.launched(), 1);
    world.cloud.end_all(&Stopped::new(StopCause::Exited, "gone"));
    world.prepare().await.unwrap();
    assert_eq!((world.cloud.launched(), world.cloud.running()), (2, 1));
    world.cleanup_leaves_nothing().await;
}

#[tokio::test(start_paused = true)]
async fn every_failure_of_prepare_stops_what_it_started() {
    for method in [Method::Launch, Method::Status, Method::Probe] {
        for kind in ErrorKind::ALL {
            for when in [When::Before(kind), When::After(kind)] {
                let said = Error::new(kind, "launch", "");
                if when == When::After(kind) && method == Method::Launch && !outcome_unknown(&said)
                {
                    // By contract these kinds mean that nothing was started.
                    continue;
                }
                let world = World::new();
                world.faults.plan(method, u32::MAX, when);
                assert!(world.prepare().await.is_err(), "{method:?} {when:?}");
                world.cleanup_leaves_nothing().await;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_to_launch_leaves_no_task_even_without_cleanup() {
    for kind in [ErrorKind::ConnectionLost, ErrorKind::Unavailable, ErrorKind::Timeout] {
        let world = World::new();
        world.faults.plan(Method::Launch, 1, When::After(kind));
        assert_eq!(world.prepare().await.unwrap_err().kind(), kind);
        assert_eq!(world.cloud.launched(), 1);
        assert_eq!(world.cloud.running(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn cancel_at_every_place_of_prepare_stops_the_task() {
    for (method, when) in PLACES {
        let world = World::new();
        world.faults.plan(method, 1, when);
        let result = world.prepare_cancelled_later().await;
        assert_eq!(result.unwrap_err().kind(), ErrorKind::Cancelled, "{method:?} {when:?}");
        assert_eq!(world.cloud.running(), 0, "{method:?} {when:?}");
        world.cleanup_leaves_nothing().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_prepare_that_is_cancelled_from_the_start_launches_nothing() {
    let world = World::new();
    let cancel = CancellationToken::new();
    cancel.cancel();
    let error = world.life().prepare(&plan(), &cancel).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    assert_eq!(world.cloud.launched(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_ends_for_want_of_room_or_is_taken_back_is_replaced() {
    for cause in [StopCause::Capacity, StopCause::Interrupted] {
        let world = World::new();
        world.cloud.doom_next(Stopped::new(cause, "no luck"));
        world.cloud.doom_next(Stopped::new(cause, "no luck"));
        world.prepare().await.unwrap();
        assert_eq!((world.cloud.launched(), world.cloud.running()), (3, 1));
        world.cleanup_leaves_nothing().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_task_that_fails_for_another_reason_is_not_replaced() {
    for (cause, kind) in [
        (StopCause::Image, ErrorKind::ImageUnavailable),
        (StopCause::Exited, ErrorKind::TaskFailed),
        (StopCause::OutOfMemory, ErrorKind::TaskFailed),
    ] {
        let world = World::new();
        world.cloud.doom_next(Stopped::new(cause, "the reason"));
        let error = world.prepare().await.unwrap_err();
        assert_eq!(error.kind(), kind);
        assert_eq!(error.message(), "the reason");
        assert_eq!(world.cloud.launched(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn want_of_room_ends_at_the_start_timeout() {
    let world = World::new();
    for _ in 0..100 {
        world.cloud.doom_next(Stopped::new(StopCause::Capacity, "no room"));
    }
    assert_eq!(world.prepare().await.unwrap_err().kind(), ErrorKind::Capacity);
    assert!(world.cloud.launched() > 3, "it was tried again");
    world.cleanup_leaves_nothing().await;
}

#[tokio::test(start_paused = true)]
async fn throttling_is_waited_out_and_only_told_when_it_outlasts_the_timeout() {
    let world = World::new();
    world.faults.plan(Method::Status, 3, When::Before(ErrorKind::Throttled));
    world.prepare().await.unwrap();

    let world = World::new();
    world.faults.plan(Method::Status, u32::MAX, When::Before(ErrorKind::Throttled));
    let error = world.prepare().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    let source = std::error::Error::source(&error).unwrap().downcast_ref::<Error>().unwrap();
    assert_eq!(source.kind(), ErrorKind::Throttled);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_stays_refused_ends_the_wait_before_the_timeout() {
    let world = World::new();
    world.faults.plan(Method::Probe, u32::MAX, When::Before(ErrorKind::Unauthenticated));
    assert_eq!(world.prepare().await.unwrap_err().kind(), ErrorKind::Unauthenticated);
    let world = World::new();
    world.faults.plan(Method::Probe, 5, When::Before(ErrorKind::Unauthenticated));
    world.prepare().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_damaged_record_is_completed_from_the_ledger() {
    let world = World::new();
    world.cloud.list_late(Duration::from_secs(10));
    world.prepare().await.unwrap();
    std::fs::write(world.store().path(&job()), "garbage").unwrap();
    assert_eq!(world.run("true").await.unwrap_err().kind(), ErrorKind::Unexpected);
    world.cleanup_leaves_nothing().await;

    let world = World::new();
    world.prepare().await.unwrap();
    std::fs::write(world.store().path(&job()), "garbage").unwrap();
    world.prepare().await.unwrap();
    assert_eq!((world.cloud.launched(), world.cloud.running()), (2, 1));
    world.cleanup_leaves_nothing().await;
}

#[tokio::test(start_paused = true)]
async fn a_cleanup_in_trouble_is_patient_and_a_failed_one_can_be_repeated() {
    let world = World::new();
    world.prepare().await.unwrap();
    world.faults.plan(Method::Stop, 3, When::Before(ErrorKind::Throttled));
    world.life().cleanup().await.unwrap();
    assert_eq!(world.cloud.running(), 0);

    let world = World::new();
    world.prepare().await.unwrap();
    world.faults.plan(Method::Stop, 1, When::Before(ErrorKind::PermissionDenied));
    assert_eq!(world.life().cleanup().await.unwrap_err().kind(), ErrorKind::PermissionDenied);
    assert_eq!(world.files(), 1, "the record is kept");
    world.cleanup_leaves_nothing().await;
}

#[tokio::test(start_paused = true)]
async fn run_without_a_task_says_what_is_missing() {
    let world = World::new();
    assert_eq!(world.run("true").await.unwrap_err().kind(), ErrorKind::NotFound);
    killed_prepare(&world, Method::Status, When::Hang).await;
    let error = world.run("true").await.unwrap_err();
    assert!(error.message().contains("did not finish"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_lost_connection_is_explained_by_the_tasks_end() {
    let world = World::new();
    world.prepare().await.unwrap();
    world.cloud.end_all(&Stopped::new(StopCause::Interrupted, "Spot took it"));
    world.faults.plan(Method::Exec, 1, When::Before(ErrorKind::ConnectionLost));
    let error = world.run("true").await.unwrap_err();
    assert_eq!((error.kind(), error.message()), (ErrorKind::TaskFailed, "Spot took it"));
}

#[tokio::test(start_paused = true)]
async fn a_lost_connection_to_a_task_that_runs_stays_a_lost_connection() {
    let world = World::new();
    world.prepare().await.unwrap();
    for status in [None, Some(When::Before(ErrorKind::PermissionDenied)), Some(When::Hang)] {
        world.faults.plan(Method::Exec, 1, When::Before(ErrorKind::ConnectionLost));
        if let Some(when) = status {
            world.faults.plan(Method::Status, 1, when);
        }
        let before = tokio::time::Instant::now();
        let error = world.run("true").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionLost);
        assert!(error.context_value("task").is_some());
        assert!(before.elapsed() <= Duration::from_secs(20));
    }
}

#[tokio::test(start_paused = true)]
async fn another_job_reaches_neither_the_task_nor_the_record() {
    let world = World::new();
    world.prepare().await.unwrap();
    let backend =
        Backend { cloud: world.cloud.clone(), faults: world.faults.clone(), helper: None };
    let other = JobId::from_fields(&["server", "8"]);
    let life = JobLife::new(other, Arc::new(backend), world.store(), Arc::new(()));
    let run =
        life.run(JobContainer::Job, ExecRequest::script("true"), &mut Collected::default()).await;
    assert_eq!(run.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(life.cleanup().await.unwrap(), Cleaned::Nothing);
    assert_eq!(world.cloud.running(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_ledger_that_is_late_does_not_hide_a_task_from_cleanup() {
    let world = World::new();
    world.cloud.list_late(Duration::from_secs(10));
    killed_prepare(&world, Method::Launch, When::HangAfter).await;
    world.cleanup_leaves_nothing().await;

    let world = World::new();
    world.cloud.list_late(Duration::from_secs(10));
    world.faults.plan(Method::Launch, 1, When::After(ErrorKind::ConnectionLost));
    assert_eq!(world.prepare().await.unwrap_err().kind(), ErrorKind::ConnectionLost);
    assert_eq!(world.files(), 1, "the trace is kept while the outcome is unknown");
    world.cleanup_leaves_nothing().await;
    assert_eq!(world.cloud.launched(), 1);
}

#[tokio::test(start_paused = true)]
async fn without_the_right_to_list_cleanup_finds_the_task_by_its_key() {
    for when in [When::Hang, When::HangAfter] {
        let world = World::new();
        killed_prepare(&world, Method::Launch, when).await;
        world.faults.plan(Method::List, u32::MAX, When::Before(ErrorKind::PermissionDenied));
        world.cleanup_leaves_nothing().await;
        assert_eq!(world.cloud.launched(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_task_whose_key_the_ledger_does_not_tell_is_used_not_stopped() {
    let world = World::new();
    world.cloud.hide_keys();
    killed_prepare(&world, Method::Launch, When::HangAfter).await;
    world.prepare().await.unwrap();
    assert_eq!((world.cloud.launched(), world.cloud.running()), (1, 1));
    world.cleanup_leaves_nothing().await;
}

#[tokio::test(start_paused = true)]
async fn the_start_timeout_bounds_the_launch_too() {
    let world = World::new();
    world.faults.plan(Method::Launch, 1, When::Hang);
    let before = tokio::time::Instant::now();
    assert_eq!(world.prepare().await.unwrap_err().kind(), ErrorKind::Timeout);
    assert!(before.elapsed() < plan().start_timeout * 2);
    world.cleanup_leaves_nothing().await;
}

#[tokio::test(start_paused = true)]
async fn a_task_that_could_not_be_stopped_is_not_replaced_and_not_forgotten() {
    let world = World::new();
    world.cloud.doom_next(Stopped::new(StopCause::Capacity, "no room"));
    world.faults.plan(Method::Stop, 1, When::Before(ErrorKind::PermissionDenied));
    assert_eq!(world.prepare().await.unwrap_err().kind(), ErrorKind::Capacity);
    assert_eq!(world.cloud.launched(), 1);
    assert_eq!(world.files(), 1);
    world.cleanup_leaves_nothing().await;
}

#[tokio::test(start_paused = true)]
async fn a_second_prepare_accepts_only_the_pinned_host_key() {
    let world = World::new();
    world.prepare().await.unwrap();
    let pinned = world.store().load(&job()).unwrap().unwrap().endpoint;
    world.faults.plan(Method::Probe, 1, When::Before(ErrorKind::Untrusted));
    assert_eq!(world.prepare().await.unwrap_err().kind(), ErrorKind::Untrusted);
    assert!(pinned.is_some_and(|at| at.identity().is_some()));
    assert_eq!(world.cloud.running(), 0, "a task that is not itself is stopped");
}

#[tokio::test(start_paused = true)]
async fn a_cancel_is_heard_while_an_interrupted_prepare_is_resumed() {
    let world = World::new();
    killed_prepare(&world, Method::Status, When::Hang).await;
    world.faults.plan(Method::Status, 1, When::Hang);
    let result = world.prepare_cancelled_later().await;
    assert_eq!(result.unwrap_err().kind(), ErrorKind::Cancelled);
    world.cleanup_leaves_nothing().await;
}

#[tokio::test(start_paused = true)]
async fn a_refused_key_stays_the_news_when_the_server_then_drops_connections() {
    let world = World::new();
    world.faults.plan(Method::Probe, 1, When::Before(ErrorKind::Unauthenticated));
    world.faults.plan(Method::Probe, u32::MAX, When::Before(ErrorKind::ConnectFailed));
    let error = world.prepare().await.unwrap_err();
    let source = std::error::Error::source(&error).unwrap().downcast_ref::<Error>().unwrap();
    assert_eq!(source.kind(), ErrorKind::Unauthenticated);
}

#[tokio::test(start_paused = true)]
async fn a_resumed_launch_stays_in_doubt_whatever_the_next_one_says() {
    for kind in ErrorKind::ALL {
        let world = World::new();
        world.cloud.list_late(Duration::from_secs(10));
        killed_prepare(&world, Method::Launch, When::HangAfter).await;
        world.faults.plan(Method::Launch, 1, When::Before(kind));
        assert!(world.prepare().await.is_err());
        world.cleanup_leaves_nothing().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_ready_task_that_is_slow_to_answer_is_not_given_up_and_a_cancel_is_heard() {
    let world = World::new();
    world.prepare().await.unwrap();
    world.faults.plan(Method::Probe, 3, When::Before(ErrorKind::ConnectFailed));
    world.prepare().await.unwrap();
    assert_eq!((world.cloud.launched(), world.cloud.running()), (1, 1));

    world.faults.plan(Method::Probe, u32::MAX, When::Before(ErrorKind::ConnectFailed));
    let result = world.prepare_cancelled_later().await;
    assert_eq!(result.unwrap_err().kind(), ErrorKind::Cancelled);
    assert_eq!(world.cloud.running(), 0);
}
