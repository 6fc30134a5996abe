//! The way of a pod from Pending to Running.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};

use super::containers::Containers;
use super::pod_status::{self, Ended, Spot};
use super::state::World;
use super::{PodFault, process, schedule};

/// How often a program is looked after.
const WATCH: Duration = Duration::from_millis(20);

pub(super) const KUBELET: &str = "kubelet";
const SCHEDULER: &str = "fargate-scheduler";

/// Brings the pod up; returns how its program ended by itself, or `None` when all containers of
/// its own have, which is written down then.
pub(super) async fn come_up(world: &Arc<World>, uid: &str) -> Option<Ended> {
    schedule_it(world, uid).await;
    let script = world.with_life(uid, |life| {
        life.started = Some(Instant::now());
        life.script.clone()
    });
    world.change_pod(uid, |life, pod| {
        pod_status::creating(pod, life.address);
        if let Some(containers) = &life.containers {
            containers.write(pod);
        }
    });
    sleep(world.options.delays.creating).await;
    for fault in script.unwrap_or_default() {
        match fault {
            PodFault::CannotPull { message } => {
                let (spot, image) = main(world, uid);
                cannot_pull(world, uid, spot, &image, &message).await;
            }
            PodFault::CannotPullQuietly { message } => {
                cannot_pull_quietly(world, uid, &message).await;
            }
            PodFault::CannotConfigure { message } => {
                world.event(uid, KUBELET, "Warning", "Failed", &format!("Error: {message}"));
                stays_waiting(world, uid, "CreateContainerConfigError", &message).await;
            }
            PodFault::StaysCreating => pending().await,
            PodFault::EndsWhileCreating(end) => {
                world.memory().order(uid, |orders| {
                    orders.end.get_or_insert(end);
                });
                pending::<()>().await;
            }
            _ => {}
        }
    }
    match world.with_life(uid, |life| life.containers.clone()).flatten() {
        Some(containers) => {
            run_containers(world, uid, containers).await;
            None
        }
        None => Some(start_and_watch(world, uid).await),
    }
}

/// Waits until Fargate has a node for the pod; for ever if it never has.
async fn schedule_it(world: &World, uid: &str) {
    let known = world.with_life(uid, |life| (life.script.clone(), life.last.clone()));
    let Some((script, pod)) = known else { return pending().await };
    let mut place = schedule::place(&pod);
    for fault in script {
        match fault {
            PodFault::Unschedulable { message } => place = Err(message),
            PodFault::LateScheduling { message, after } => {
                world.change_pod(uid, |_, pod| pod_status::unschedulable(pod, &message));
                world.event(uid, SCHEDULER, "Warning", "FailedScheduling", &message);
                sleep(after).await;
            }
            _ => {}
        }
    }
    match place {
        Ok(capacity) => {
            sleep(world.options.delays.scheduling).await;
            let mut said = String::new();
            world.change_pod(uid, |life, pod| {
                pod_status::scheduled(pod, &life.node(), &capacity);
                let (_, namespace, name) = &life.key;
                said = format!("Successfully assigned {namespace}/{name} to {}", life.node());
            });
            let logging = "Disabled logging because aws-logging configmap was not found. \
                           configmap \"aws-logging\" not found";
            world.event(uid, SCHEDULER, "Warning", "LoggingDisabled", logging);
            world.event(uid, SCHEDULER, "Normal", "Scheduled", &said);
        }
        Err(message) => {
            let scheduler = pod["spec"]["schedulerName"].as_str().unwrap_or_default();
            world.change_pod(uid, |_, pod| pod_status::unschedulable(pod, &message));
            world.event(uid, scheduler, "Warning", "FailedScheduling", &message);
            pending::<()>().await;
        }
    }
}

async fn stays_waiting(world: &World, uid: &str, reason: &str, message: &str) {
    waits(world, uid, main(world, uid).0, reason, message);
    pending::<()>().await;
}

fn waits(world: &World, uid: &str, spot: Spot, reason: &str, message: &str) {
    world.change_pod(uid, |life, pod| {
        pod_status::address(pod, life.address);
        pod_status::waiting(pod, spot, reason, message);
    });
}

/// The container that is the program, and its image.
fn main(world: &World, uid: &str) -> (Spot, String) {
    let known = world.with_life(uid, |life| {
        let image = life.last["spec"]["containers"][life.main]["image"].as_str();
        (Spot::main(life.main), image.unwrap_or_default().to_owned())
    });
    known.unwrap_or((Spot::main(0), String::new()))
}

/// Waits to pull the image again; the event that says why comes after the state.
async fn cannot_pull_quietly(world: &World, uid: &str, message: &str) {
    let (spot, image) = main(world, uid);
    let back_off = format!("Back-off pulling image \"{image}\"");
    waits(world, uid, spot, "ImagePullBackOff", &back_off);
    sleep(world.options.delays.pull_retry).await;
    let failed = format!("Failed to pull image \"{image}\": {message}");
    world.event(uid, KUBELET, "Warning", "Failed", &failed);
    world.event(uid, KUBELET, "Warning", "Failed", "Error: ErrImagePull");
    pending::<()>().await;
}

/// Tries to pull the image of a container, again and again.
async fn cannot_pull(world: &World, uid: &str, spot: Spot, image: &str, message: &str) {
    let pause = world.options.delays.pull_retry;
    loop {
        let pulling = format!("Pulling image \"{image}\"");
        world.event(uid, KUBELET, "Normal", "Pulling", &pulling);
        let failed = format!("Failed to pull image \"{image}\": {message}");
        world.event(uid, KUBELET, "Warning", "Failed", &failed);
        waits(world, uid, spot, "ErrImagePull", message);
        sleep(pause).await;
        let back_off = format!("Back-off pulling image \"{image}\"");
        world.event(uid, KUBELET, "Normal", "BackOff", &back_off);
        let said = format!("{back_off}: ErrImagePull: {message}");
        waits(world, uid, spot, "ImagePullBackOff", &said);
        sleep(pause).await;
    }
}

/// Starts the containers as they come and writes down what becomes of them, until all are over.
async fn run_containers(world: &Arc<World>, uid: &str, containers: Arc<Containers>) {
    if let Some((spot, image)) = containers.unknown_image() {
        let message = format!(
            "failed to pull and unpack image \"{image}\": failed to resolve reference \
             \"{image}\": {image}: not found"
        );
        cannot_pull(world, uid, spot, &image, &message).await;
    }
    let opening = Arc::clone(&containers);
    let opened = spawn_blocking(move || opening.open()).await;
    if let Err(failure) = opened.unwrap_or_else(|panic| Err(panic.to_string())) {
        world.event(uid, KUBELET, "Warning", "FailedCreatePodSandBox", &failure);
        pending::<()>().await;
    }
    world.change_pod(uid, |life, pod| pod_status::address(pod, life.address));
    loop {
        let stepping = Arc::clone(&containers);
        if spawn_blocking(move || stepping.step()).await.is_err() {
            return;
        }
        let mut over = false;
        world.change_pod(uid, |_, pod| over = containers.write(pod));
        if over {
            return;
        }
        sleep(WATCH).await;
    }
}

async fn start_and_watch(world: &Arc<World>, uid: &str) -> Ended {
    let (host_world, host_uid) = (Arc::clone(world), uid.to_owned());
    let started = spawn_blocking(move || process::start(&host_world, &host_uid)).await;
    let failure = match started {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(error.to_string()),
        Err(panicked) => Some(panicked.to_string()),
    };
    if let Some(failure) = failure {
        world.event(uid, KUBELET, "Warning", "Failed", &format!("Error: {failure}"));
        return Ended { exit_code: 128, reason: Some("StartError".to_owned()) };
    }
    world.event(uid, KUBELET, "Normal", "Started", "Started container");
    let host = world.with_life(uid, |life| life.host.clone()).flatten();
    world.change_pod(uid, |life, pod| {
        if !life.script.contains(&PodFault::NoAddress) {
            pod_status::address(pod, life.address);
        }
        pod_status::running(pod);
    });
    let Some(host) = host.filter(|host| host.pid().is_some()) else { return pending().await };
    loop {
        if let Some(exit_code) = host.exited() {
            return Ended { exit_code, reason: None };
        }
        sleep(WATCH).await;
    }
}
