//! kill -9 at every moment of prepare: cleanup finds what was started, and a second prepare goes
//! on with it.

use std::time::Duration;

use fargate_test_support::ecs::{EcsDouble, EcsOptions, Fault, StateDelays};
use rustix::process::Signal;

use crate::checks::{
    calls, local_agents, nothing_left, nothing_left_locally, only_task, quick, quick_double,
};
use crate::harness::{Host, Job, ended, eventually, signal};

/// A moment of prepare, and what makes it last.
#[derive(Debug, Clone, Copy)]
enum Moment {
    /// RunTask is on its way and has started nothing.
    BeforeRunTask,
    /// RunTask has started a task, and its answer is lost.
    AnswerLost,
    /// RunTask has just been answered.
    AfterRunTask,
    /// The task has no address yet.
    Provisioning,
    /// The address is known, and nobody answers there yet.
    WaitingForSsh,
}

impl Moment {
    async fn double(self) -> EcsDouble {
        let mut options = quick();
        let wait = Duration::from_secs(3);
        match self {
            Self::Provisioning => options.state_delays.provisioning = wait,
            Self::WaitingForSsh => options.state_delays.pending = wait,
            _ => {}
        }
        let double = EcsDouble::start(options).await;
        let op = "RunTask";
        match self {
            Self::BeforeRunTask => {
                double.inject(Fault::Delay { op, by: Duration::from_secs(1), times: 1 });
            }
            Self::AnswerLost => double.inject(Fault::LostResponse { op, times: 1 }),
            _ => {}
        }
        double
    }

    fn reached(self, double: &EcsDouble) -> bool {
        let described = || calls(double, "DescribeTasks") > 0;
        let status = |name: &str| double.tasks().iter().any(|task| task.status == name);
        match self {
            Self::BeforeRunTask => calls(double, "RunTask") > 0,
            Self::AnswerLost | Self::AfterRunTask => !double.tasks().is_empty(),
            Self::Provisioning => described() && status("PROVISIONING"),
            Self::WaitingForSsh => described() && status("PENDING"),
        }
    }
}

/// Kills a prepare without a chance to tidy up.
async fn kill_prepare(job: &Job<'_>, reached: impl Fn() -> bool) {
    let preparing = job.spawn(&["prepare"]);
    eventually("the moment", reached).await;
    signal(&preparing, Signal::KILL);
    assert_eq!(ended(preparing).await.code, None, "it was killed");
}

async fn cleanup_finds_it(moment: Moment) {
    let double = moment.double().await;
    let host = Host::ecs(&double, "");
    let job = host.job();
    kill_prepare(&job, || moment.reached(&double)).await;
    assert!(host.metadata_files() > 0, "{moment:?}: no trace was left");
    job.cleanup().await.ok();
    nothing_left(&double, &host).await;
}

async fn prepare_goes_on(moment: Moment) {
    let double = moment.double().await;
    let host = Host::ecs(&double, "");
    let job = host.job();
    kill_prepare(&job, || moment.reached(&double)).await;
    job.prepare().await.ok();
    only_task(&double);
    let script = job.script("echo works", "build_script").await.ok();
    assert_eq!(script.stdout_text(), "works\n", "{moment:?}");
    job.cleanup().await.ok();
    only_task(&double);
    nothing_left(&double, &host).await;
}

macro_rules! every_moment {
    ($($cleanup:ident, $prepare:ident: $moment:ident;)+) => {
        $(
            #[tokio::test]
            async fn $cleanup() {
                cleanup_finds_it(Moment::$moment).await;
            }

            #[tokio::test]
            async fn $prepare() {
                prepare_goes_on(Moment::$moment).await;
            }
        )+
    };
}

every_moment! {
    cleanup_after_a_crash_before_run_task, prepare_after_a_crash_before_run_task: BeforeRunTask;
    cleanup_after_a_crash_with_a_lost_answer, prepare_after_a_crash_with_a_lost_answer: AnswerLost;
    cleanup_after_a_crash_after_run_task, prepare_after_a_crash_after_run_task: AfterRunTask;
    cleanup_after_a_crash_while_provisioning, prepare_after_a_crash_while_provisioning:
        Provisioning;
    cleanup_after_a_crash_waiting_for_ssh, prepare_after_a_crash_waiting_for_ssh: WaitingForSsh;
}

#[tokio::test]
async fn a_task_that_never_answers_is_found_by_cleanup() {
    let double = quick_double().await;
    double.inject(Fault::NoSshd);
    let host = Host::ecs(&double, "");
    let job = host.job();
    let running = || double.tasks().iter().any(|task| task.status == "RUNNING");
    kill_prepare(&job, || running() && calls(&double, "DescribeTasks") > 0).await;
    job.cleanup().await.ok();
    nothing_left(&double, &host).await;
}

#[tokio::test]
async fn a_task_that_ended_after_the_crash_is_replaced() {
    let double = Moment::WaitingForSsh.double().await;
    let host = Host::ecs(&double, "");
    let job = host.job();
    kill_prepare(&job, || Moment::WaitingForSsh.reached(&double)).await;
    let first = only_task(&double).arn;
    double.end_task(&first, fargate_test_support::ecs::TaskEnd::spot_interruption()).await;
    job.prepare().await.ok();
    assert_eq!((double.tasks().len(), double.running()), (2, 1));
    job.script("true", "build_script").await.ok();
    job.cleanup().await.ok();
    nothing_left(&double, &host).await;
}

#[tokio::test]
async fn three_crashes_in_a_row_are_one_task() {
    let state_delays = StateDelays { pending: Duration::from_secs(4), ..quick().state_delays };
    let double = EcsDouble::start(EcsOptions { state_delays, ..quick() }).await;
    let host = Host::ecs(&double, "");
    let job = host.job();
    for crash in 1..=3 {
        kill_prepare(&job, || calls(&double, "DescribeTasks") >= crash).await;
    }
    job.prepare().await.ok();
    only_task(&double);
    job.cleanup().await.ok();
    nothing_left(&double, &host).await;
}

#[tokio::test]
async fn a_killed_cleanup_is_done_again() {
    let double = quick_double().await;
    let host = Host::ecs(&double, "");
    let job = host.job();
    job.prepare().await.ok();
    double.inject(Fault::Delay { op: "StopTask", by: Duration::from_secs(30), times: 1 });
    let cleaning = job.spawn(&["cleanup"]);
    eventually("the call", || calls(&double, "StopTask") == 1).await;
    signal(&cleaning, Signal::KILL);
    assert_eq!(ended(cleaning).await.code, None);
    assert_eq!(host.metadata_files(), 1, "the file goes last");
    job.cleanup().await.ok();
    nothing_left(&double, &host).await;
}

#[tokio::test]
async fn a_lost_answer_of_run_task_is_one_task() {
    let double = quick_double().await;
    double.inject(Fault::LostResponse { op: "RunTask", times: 2 });
    let host = Host::ecs(&double, "");
    let job = host.job();
    job.prepare().await.ok();
    only_task(&double);
    assert!(calls(&double, "RunTask") > 1);
    job.script("true", "build_script").await.ok();
    job.cleanup().await.ok();
    nothing_left(&double, &host).await;
}

/// Kills local prepares at `rounds` early moments; `then` has to put things right.
async fn kill_local_prepares(rounds: u64, then: impl AsyncFn(&Host, &Job<'_>)) {
    for round in 0..rounds {
        let host = Host::local();
        let job = host.job();
        let preparing = job.spawn(&["prepare"]);
        // The whole prepare takes some hundred milliseconds.
        tokio::time::sleep(Duration::from_millis(round * 17)).await;
        signal(&preparing, Signal::KILL);
        ended(preparing).await;
        then(&host, &job).await;
        nothing_left_locally(&host).await;
    }
}

#[tokio::test]
async fn local_cleanup_after_a_crash_at_any_moment() {
    kill_local_prepares(12, async |_, job| {
        job.cleanup().await.ok();
    })
    .await;
}

#[tokio::test]
async fn local_prepare_after_a_crash_at_any_moment() {
    kill_local_prepares(12, async |host, job| {
        job.prepare().await.ok();
        assert_eq!(local_agents(host).len(), 1, "one task, not two");
        let script = job.script("echo works", "build_script").await.ok();
        assert_eq!(script.stdout_text(), "works\n");
        job.cleanup().await.ok();
    })
    .await;
}

#[tokio::test]
async fn a_ledger_that_lags_behind_a_crash_does_not_hide_the_task() {
    let double = Moment::AnswerLost.double().await;
    double.inject(Fault::ListLag { by: Duration::from_secs(4) });
    let host = Host::ecs(&double, "");
    let job = host.job();
    kill_prepare(&job, || Moment::AnswerLost.reached(&double)).await;
    job.cleanup().await.ok();
    only_task(&double);
    nothing_left(&double, &host).await;
}
