//! The life of one task, from PROVISIONING to STOPPED.

use std::future::pending;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{JoinError, spawn_blocking};
use tokio::time::sleep;

use super::TaskEnd;
use super::containers;
use super::state::World;
use super::task::{Listener, State};
use crate::container::{Group, Step};
use crate::host::{HostSpec, TaskHost};

/// How often a program is looked after.
const WATCH: Duration = Duration::from_millis(20);

/// Lives the life of `arn` to its end.
pub(super) async fn live(world: Arc<World>, arn: String) {
    let Some(mut end) = world.with_task(&arn, |task| task.end.subscribe()) else { return };
    tokio::select! {
        biased;
        why = asked_to_end(&mut end) => wind_down(&world, &arn, &why).await,
        why = start_and_watch(&world, &arn) => {
            world.with_task(&arn, |task| task.ends(why.clone()));
            // Somebody may have been faster; then theirs is the reason.
            let why = end.borrow().clone().unwrap_or(why);
            wind_down(&world, &arn, &why).await;
        }
    }
}

async fn asked_to_end(end: &mut watch::Receiver<Option<TaskEnd>>) -> TaskEnd {
    loop {
        if let Some(why) = end.borrow_and_update().clone() {
            return why;
        }
        if end.changed().await.is_err() {
            // The task is forgotten; so is this life.
            return pending().await;
        }
    }
}

/// Brings the task up; returns why it ended by itself.
async fn start_and_watch(world: &Arc<World>, arn: &str) -> TaskEnd {
    let delays = world.options.state_delays;
    sleep(delays.provisioning).await;
    world.moves_to(arn, State::Pending);
    sleep(delays.pending).await;
    let script = world.with_task(arn, |task| {
        let script = &mut task.script;
        (script.stops_while_pending.take(), script.stays_pending)
    });
    match script {
        Some((Some(why), _)) => return why,
        Some((None, false)) => {}
        _ => return pending().await,
    }

    world.moves_to(arn, State::Activating);
    if let Some(group) = world.with_task(arn, |task| task.group.clone()).flatten() {
        return run_containers(world, arn, group).await;
    }
    let (host_world, host_arn) = (Arc::clone(world), arn.to_owned());
    let started = spawn_blocking(move || start_program(&host_world, &host_arn)).await;
    let failure = match started {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(error.to_string()),
        Err(panicked) => Some(panicked.to_string()),
    };
    if let Some(failure) = failure {
        return TaskEnd {
            container_reason: Some(format!("CannotStartContainerError: {failure}")),
            ..TaskEnd::new("TaskFailedToStart", &format!("CannotStartContainerError: {failure}"))
        };
    }
    tokio::select! {
        why = watch_program(world, arn) => why,
        why = async {
            sleep(delays.activating).await;
            world.moves_to(arn, State::Running);
            pending().await
        } => why,
    }
}

/// Starts the containers as they come and looks after them; returns why the task has to end.
async fn run_containers(world: &Arc<World>, arn: &str, group: Arc<Group>) -> TaskEnd {
    let failed = |error: JoinError| TaskEnd::new("TaskFailedToStart", &error.to_string());
    let opening = Arc::clone(&group);
    match spawn_blocking(move || containers::open(&opening)).await.map_err(failed) {
        Ok(Ok(())) => {}
        Ok(Err(why)) | Err(why) => return why,
    }
    let mut up = false;
    loop {
        let stepping = Arc::clone(&group);
        match spawn_blocking(move || stepping.step()).await.map_err(failed) {
            Ok(Step::Over(end)) => return end.into(),
            Err(why) => return why,
            Ok(Step::Up) if !up => {
                up = true;
                sleep(world.options.state_delays.activating).await;
                world.moves_to(arn, State::Running);
            }
            Ok(Step::Up | Step::Starting) => {}
        }
        sleep(WATCH).await;
    }
}

fn start_program(world: &World, arn: &str) -> io::Result<()> {
    let options = &world.options;
    let spec = world.with_task(arn, |task| {
        let mut addresses = vec![task.interface.address];
        addresses.extend(task.interface.public_address);
        let listener = task.script.listener;
        let spec = HostSpec {
            marker: task.arn.clone(),
            directory: task.directory.clone(),
            addresses,
            port: options.ssh_port,
            environment: Vec::new(),
            command: task.command.clone(),
            public_key: task.public_key.clone(),
            refuses_key: task.script.refuses_key,
        };
        (listener, spec)
    });
    let host = match spec {
        Some((Listener::Program, spec)) => TaskHost::program(&options.program, spec)?,
        Some((Listener::Silence, spec)) => TaskHost::silence(spec)?,
        Some((Listener::Nobody, _)) | None => return Ok(()),
    };
    world.adopt(arn, host);
    Ok(())
}

async fn watch_program(world: &World, arn: &str) -> TaskEnd {
    let host = world.with_task(arn, |task| task.host.clone()).flatten();
    let Some(host) = host.filter(|host| host.pid().is_some()) else { return pending().await };
    loop {
        if let Some(code) = host.exited() {
            return TaskEnd::exited(code);
        }
        sleep(WATCH).await;
    }
}

async fn wind_down(world: &World, arn: &str, why: &TaskEnd) {
    if world.with_task(arn, |task| task.state == State::Running) == Some(true) {
        world.moves_to(arn, State::Deactivating);
    }
    world.moves_to(arn, State::Stopping);
    let host = world.with_task(arn, |task| task.host.clone()).flatten();
    let mut real = None;
    if let Some(host) = host {
        let grace = if why.killed_at_once() { Duration::ZERO } else { world.options.stop_timeout };
        real = spawn_blocking(move || host.terminate(grace)).await.ok().flatten();
    }
    if let Some(group) = world.with_task(arn, |task| task.group.clone()).flatten() {
        let grace = world.options.stop_timeout;
        let at_once = why.killed_at_once();
        let end = move || if at_once { group.kill() } else { group.terminate(grace) };
        let _ended = spawn_blocking(end).await;
    }
    world.with_task(arn, |task| {
        task.host = None;
        task.exit_code = why.exit_code.or(real);
    });
    world.moves_to(arn, State::Deprovisioning);
    sleep(world.options.state_delays.deprovisioning).await;
    world.moves_to(arn, State::Stopped);
}
