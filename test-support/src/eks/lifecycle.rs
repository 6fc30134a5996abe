//! The life of one pod, from Pending to its end.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep, sleep_until};

use super::PodEnd;
use super::pod_status::{self, Ended};
use super::process::Orders;
use super::startup::{KUBELET, come_up};
use super::state::World;

/// Lives the life of a pod to its end.
pub(super) async fn live(world: Arc<World>, uid: String) {
    let Some(mut orders) = world.with_life(&uid, |life| life.orders.subscribe()) else { return };
    tokio::select! {
        biased;
        () = ordered(&mut orders) => {}
        ended = come_up(&world, &uid) => {
            tidy(&world, &uid).await;
            let over = ended.is_none_or(|ended| note_end(&world, &uid, &ended));
            if over && !is_ordered(&world, &uid) {
                return;
            }
            // Another container runs, or this one is to be started again.
            tokio::select! {
                () = ordered(&mut orders) => {}
                () = deadline(&world, &uid) => {}
            }
        }
        () = deadline(&world, &uid) => {}
    }
    wind_down(&world, &uid, &mut orders).await;
}

/// Waits for any order.
async fn ordered(orders: &mut watch::Receiver<Orders>) {
    while !orders.borrow_and_update().any() {
        if orders.changed().await.is_err() {
            // The pod is forgotten; so is this life.
            pending::<()>().await;
        }
    }
}

/// Waits until the pod has run as long as it may; then orders its end. The limit may be lowered
/// on the way.
async fn deadline(world: &World, uid: &str) {
    let mut versions = world.memory().store.versions();
    loop {
        versions.borrow_and_update();
        let due = world.with_life(uid, |life| {
            let seconds = life.last["spec"]["activeDeadlineSeconds"].as_u64()?;
            Some(life.started? + Duration::from_secs(seconds))
        });
        tokio::select! {
            () = until(due.flatten()) => break,
            changed = versions.changed() => if changed.is_err() { pending::<()>().await },
        }
    }
    world.memory().order(uid, |orders| {
        orders.end.get_or_insert_with(PodEnd::deadline_exceeded);
    });
}

async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => pending().await,
    }
}

/// Ends whatever a program left behind when it ended.
async fn tidy(world: &World, uid: &str) {
    let processes = world.with_life(uid, |life| life.processes()).flatten();
    if let Some(processes) = processes {
        // A panic there has killed what could be killed.
        let _ = spawn_blocking(move || processes.kill()).await;
    }
    world.with_life(uid, |life| life.host = None);
}

/// Writes down that the program has ended by itself; whether the pod is over with it.
fn note_end(world: &World, uid: &str, ended: &Ended) -> bool {
    let mut over = true;
    world.change_pod(uid, |life, pod| {
        let policy = pod["spec"]["restartPolicy"].as_str().unwrap_or("Always");
        if policy == "Always" || policy == "OnFailure" && ended.exit_code != 0 {
            over = false;
            pod_status::restarting(pod, life.main, ended);
        } else if pod["spec"]["containers"].as_array().is_some_and(|all| all.len() > 1) {
            over = false;
            pod_status::terminated(pod, life.main, ended);
        } else {
            pod_status::finished(pod, life.main, ended, None);
        }
    });
    over
}

fn is_ordered(world: &World, uid: &str) -> bool {
    world.with_life(uid, |life| life.orders.borrow().any()).unwrap_or(false)
}

async fn wind_down(world: &Arc<World>, uid: &str, orders: &mut watch::Receiver<Orders>) {
    let order = orders.borrow_and_update().clone();
    let grace = match (&order.end, order.kill_at) {
        _ if order.gone => Duration::ZERO,
        (Some(end), _) if end.killed_at_once() => Duration::ZERO,
        (_, Some(kill_at)) => kill_at.saturating_duration_since(Instant::now()),
        _ => world.with_life(uid, |life| own_grace(&life.last)).unwrap_or_default(),
    };
    if !order.gone && world.with_life(uid, |life| life.processes().is_some()) == Some(true) {
        let reason =
            if order.end.as_ref().is_some_and(|end| end.reason.as_deref() == Some("Evicted")) {
                "Evicted"
            } else {
                "Killing"
            };
        world.event(uid, KUBELET, "Normal", reason, "Stopping container");
    }
    let real = terminate(world, uid, orders, grace).await;
    world.with_life(uid, |life| life.host = None);

    let end = orders.borrow().end.clone();
    let started =
        world.with_life(uid, |life| life.last["status"]["phase"] == "Running").unwrap_or_default();
    let unknown = (!started).then(|| "ContainerStatusUnknown".to_owned());
    let ended = Ended {
        exit_code: end.as_ref().and_then(|end| end.exit_code).or(real).unwrap_or(137),
        reason: end.as_ref().and_then(|end| end.container_reason.clone()).or(unknown),
    };
    world.change_pod(uid, |life, pod| {
        if !is_finished(pod) {
            if let Some(containers) = &life.containers {
                pod_status::terminated(pod, life.main, &ended);
                containers.write(pod);
            }
            pod_status::finished(pod, life.main, &ended, end.as_ref());
        }
    });
    // A delete that came before the line above has left it to this life to take the pod away; a
    // later one does so by itself.
    if orders.borrow().kill_at.is_some() {
        sleep(world.options.delays.removal).await;
        world.memory().remove_pod(uid);
    }
}

/// Ends the processes within `grace`, or sooner if that is asked for on the way.
async fn terminate(
    world: &World,
    uid: &str,
    orders: &mut watch::Receiver<Orders>,
    grace: Duration,
) -> Option<i32> {
    let known = world.with_life(uid, |life| Some((life.processes()?, life.main))).flatten();
    let (processes, main) = known?;
    let asked = processes.clone();
    let mut work = spawn_blocking(move || asked.terminate(main, grace));
    let mut hurried = false;
    loop {
        let kill_at = {
            let order = orders.borrow_and_update();
            if order.gone { Some(Instant::now()) } else { order.kill_at }
        };
        tokio::select! {
            done = &mut work => return done.ok().flatten(),
            () = until(kill_at), if !hurried => {
                hurried = true;
                let processes = processes.clone();
                // It returns when the work above does.
                spawn_blocking(move || processes.kill());
            }
            changed = orders.changed() => if changed.is_err() { return work.await.ok().flatten() },
        }
    }
}

/// Whether nothing of the pod runs any more.
pub(super) fn is_finished(pod: &Value) -> bool {
    pod["status"]["phase"] == "Succeeded" || pod["status"]["phase"] == "Failed"
}

/// The time a pod itself asks for to end.
pub(super) fn own_grace(pod: &Value) -> Duration {
    Duration::from_secs(pod["spec"]["terminationGracePeriodSeconds"].as_u64().unwrap_or(30))
}
