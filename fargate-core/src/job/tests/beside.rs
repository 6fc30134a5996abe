//! The helper container and services.

use std::sync::Mutex;

use super::*;

/// Notes what is told of services.
#[derive(Debug, Default)]
struct Notes(Mutex<Vec<String>>);

impl Observer for Notes {
    fn event(&self, event: &JobEvent<'_>) {
        let note = match event {
            JobEvent::ServiceUp { service, .. } => format!("{} up", service.name),
            JobEvent::ServiceDown { service, log, .. } => {
                format!("{} down, {:?}", service.name, log.map_err(Error::kind))
            }
            JobEvent::ServiceUnchecked { service } => format!("{} unchecked", service.name),
            JobEvent::Trouble(error) => format!("trouble: {error}"),
            JobEvent::Ready { .. } => "ready".to_owned(),
            _ => return,
        };
        self.0.lock().unwrap().push(note);
    }
}

impl World {
    async fn place(&self, container: JobContainer) -> String {
        let mut out = Collected::default();
        self.life().run(container, ExecRequest::script("true"), &mut out).await.unwrap();
        out.stderr_text()
    }

    /// A prepare with these services, and what is told of them in alphabetical order.
    async fn prepare_services(&self, services: Vec<TaskService>) -> (Result<()>, Vec<String>) {
        let notes = Arc::new(Notes::default());
        let backend =
            Backend { cloud: self.cloud.clone(), faults: self.faults.clone(), helper: self.helper };
        let life = JobLife::new(job(), Arc::new(backend), self.store(), notes.clone());
        let mut plan = plan();
        plan.needs.services = services;
        let prepared = life.prepare(&plan, &CancellationToken::new()).await;
        let mut notes = notes.0.lock().unwrap().clone();
        notes.sort();
        (prepared, notes)
    }
}

fn service(name: &str) -> TaskService {
    TaskService::new(name, TaskImage::new(format!("{name}:1")))
}

#[tokio::test(start_paused = true)]
async fn a_stage_for_the_helper_runs_in_the_helper_where_there_is_one() {
    let mut world = World::new();
    world.helper = Some(23);
    world.prepare().await.unwrap();
    assert!(world.place(JobContainer::Job).await.ends_with(":22"));
    assert!(world.place(JobContainer::Helper).await.ends_with(":23"));
    // What was found out counts, not what the backend says by now.
    world.helper = None;
    assert!(world.place(JobContainer::Helper).await.ends_with(":23"));
    let helper = world.store().load(&job()).unwrap().unwrap().helper.unwrap();
    assert!(helper.identity().is_some_and(|key| key.ends_with(":23")), "{helper:?}");
    world.cleanup_leaves_nothing().await;

    let world = World::new();
    world.prepare().await.unwrap();
    assert!(world.place(JobContainer::Helper).await.ends_with(":22"));
    world.cleanup_leaves_nothing().await;
}

#[tokio::test(start_paused = true)]
async fn a_helper_that_never_answers_fails_prepare_and_a_task_that_ends_meanwhile_says_why() {
    let mut world = World::new();
    world.helper = Some(23);
    world.faults.plan(Method::Probe, 1, When::After(ErrorKind::ConnectFailed));
    world.faults.plan(Method::Probe, u32::MAX, When::Before(ErrorKind::ConnectFailed));
    let error = world.prepare().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    world.cleanup_leaves_nothing().await;
}

#[tokio::test(start_paused = true)]
async fn services_are_waited_for_and_one_that_stays_down_is_told_with_its_log() {
    let world = World::new();
    let services = vec![
        service("db").port(2),
        service("cache").port(1),
        service("mute"),
        service("mq").port(3),
    ];
    let (prepared, notes) = world.prepare_services(services.clone()).await;
    prepared.unwrap();
    assert_eq!(notes.len(), 5, "{notes:?}");
    assert!(notes[0].starts_with("cache down, Ok([\"cache\", \"job-"), "{notes:?}");
    assert_eq!(notes[1..], ["db up", "mq up", "mute unchecked", "ready"]);
    assert_eq!(world.cloud.asked()[0].needs.services, services);
    world.cleanup_leaves_nothing().await;
}

#[tokio::test(start_paused = true)]
async fn neither_a_check_nor_a_log_that_fails_ends_the_job() {
    let world = World::new();
    world.faults.plan(Method::Exec, 1, When::Before(ErrorKind::ConnectionLost));
    let (prepared, notes) = world.prepare_services(vec![service("db").port(2)]).await;
    prepared.unwrap();
    assert!(notes[1].starts_with("trouble: "), "{notes:?}");
    world.cleanup_leaves_nothing().await;

    let world = World::new();
    world.faults.plan(Method::Log, 1, When::Before(ErrorKind::PermissionDenied));
    let (prepared, notes) = world.prepare_services(vec![service("db").port(1)]).await;
    prepared.unwrap();
    assert_eq!(notes[0], "db down, Err(PermissionDenied)");
    world.cleanup_leaves_nothing().await;
}

#[tokio::test(start_paused = true)]
async fn a_cancel_is_heard_while_services_come_up() {
    let world = World::new();
    world.faults.plan(Method::Exec, 1, When::Hang);
    let cancel = CancellationToken::new();
    let mut plan = plan();
    plan.needs.services = vec![service("db").port(2)];
    let life = world.life();
    let later = async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        cancel.cancel();
    };
    let (prepared, ()) = tokio::join!(life.prepare(&plan, &cancel), later);
    assert_eq!(prepared.unwrap_err().kind(), ErrorKind::Cancelled);
    world.cleanup_leaves_nothing().await;
}

/// Takes the first task back when it has accepted a command.
#[derive(Debug)]
struct Takes(MemoryCloud);

impl Observer for Takes {
    fn event(&self, event: &JobEvent<'_>) {
        if matches!(event, JobEvent::Ready { .. }) && self.0.launched() == 1 {
            self.0.end_all(&Stopped::new(StopCause::Interrupted, "taken back"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_task_that_is_taken_back_while_services_come_up_is_replaced() {
    let world = World::new();
    world.faults.plan(Method::Exec, 1, When::Before(ErrorKind::ConnectionLost));
    let backend =
        Backend { cloud: world.cloud.clone(), faults: world.faults.clone(), helper: None };
    let takes = Arc::new(Takes(world.cloud.clone()));
    let life = JobLife::new(job(), Arc::new(backend), world.store(), takes);
    let mut plan = plan();
    plan.needs.services = vec![service("db").port(2)];
    life.prepare(&plan, &CancellationToken::new()).await.unwrap();
    assert_eq!((world.cloud.launched(), world.cloud.running()), (2, 1));
    world.cleanup_leaves_nothing().await;
}
