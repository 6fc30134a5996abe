//! The containers of one task, from the first start to the last end.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::dependencies::Outlook;
use super::health::Health;
use super::phase::{Phase, Standing};
use super::plan::ContainerPlan;
use crate::container::{Container, Sandbox};
use crate::ecs::TaskEnd;

/// The containers of a task.
#[derive(Debug)]
pub(in crate::ecs) struct Group {
    pub(in crate::ecs) plans: Vec<ContainerPlan>,
    pub(super) directory: PathBuf,
    pub(super) addresses: Vec<Ipv4Addr>,
    state: Mutex<State>,
    /// Nobody waits for a graceful end any more.
    pub(super) hurry: AtomicBool,
}

#[derive(Debug)]
pub(super) struct State {
    /// Before the containers: it has to go first, and takes them with it.
    pub(super) sandbox: Option<Sandbox>,
    /// As many as plans.
    pub(super) phases: Vec<Phase>,
    /// Nothing may start any more.
    pub(super) closed: bool,
}

/// What a look at the containers found.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::ecs) enum Step {
    /// Some wait for others.
    Starting,
    /// Each has been started.
    Up,
    /// The task has to end.
    Over(TaskEnd),
}

/// What the ECS agent says a container ended with that could not be started because of another
/// one: the code of one that TERM ended (`handleTerminalDependencyError`).
const UNMET: i32 = 143;

impl Group {
    pub(in crate::ecs) fn new(
        plans: Vec<ContainerPlan>,
        directory: PathBuf,
        addresses: Vec<Ipv4Addr>,
    ) -> Self {
        let phases = plans.iter().map(|_| Phase::Waiting).collect();
        let state = Mutex::new(State { sandbox: None, phases, closed: false });
        Self { plans, directory, addresses, state, hurry: AtomicBool::new(false) }
    }

    /// Makes what the containers share. Fails as the task does.
    pub(in crate::ecs) fn open(&self) -> Result<(), TaskEnd> {
        if let Some(index) = self.plans.iter().position(|plan| plan.tree.is_none()) {
            let reason = format!(
                "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed \
                 to resolve ref {image}: {image}: not found",
                image = self.plans[index].image
            );
            self.state().phases[index] =
                Phase::Stopped { code: None, reason: Some(reason.clone()) };
            return Err(TaskEnd::new("TaskFailedToStart", &reason));
        }
        let sandbox =
            self.prepare().and_then(|()| Sandbox::start(&self.addresses)).map_err(|error| {
                TaskEnd::new("TaskFailedToStart", &format!("CannotStartContainerError: {error}"))
            })?;
        let mut state = self.state();
        if !state.closed {
            state.sandbox = Some(sandbox);
        }
        Ok(())
    }

    /// Takes note of what has ended and starts what may start.
    pub(in crate::ecs) fn step(&self) -> Step {
        let mut state = self.state();
        state.look();
        for (plan, phase) in self.plans.iter().zip(&mut state.phases) {
            if let (Some(check), Phase::Running { container, started: true, health }) =
                (&plan.health_check, phase)
            {
                health.look(check, container);
            }
        }
        if let Some(end) = self.end(&state) {
            return Step::Over(end);
        }
        let mut starting = false;
        for (index, plan) in self.plans.iter().enumerate() {
            if !matches!(state.phases[index], Phase::Waiting) {
                continue;
            }
            starting = true;
            let (outlook, why) = self.outlook(plan, &state.phases);
            match outlook {
                Outlook::Waits => {}
                Outlook::Hopeless => {
                    state.phases[index] = Phase::Stopped { code: Some(UNMET), reason: why };
                }
                Outlook::Ready => self.start(index, &mut state),
            }
        }
        let started = |phase: &Phase| !matches!(phase, Phase::Running { started: false, .. });
        if starting || !state.phases.iter().all(started) { Step::Starting } else { Step::Up }
    }

    fn start(&self, index: usize, state: &mut State) {
        let State { sandbox: Some(sandbox), phases, closed: false } = state else { return };
        phases[index] = match Container::start(sandbox, &self.spec(&self.plans[index])) {
            Ok(container) => {
                let health = Health::new(self.plans[index].health_check.as_ref());
                Phase::Running { container: Box::new(container), started: false, health }
            }
            Err(error) => Phase::not_started(&error.to_string()),
        };
    }

    /// Whether a container may start, and why not if it never may.
    fn outlook(&self, plan: &ContainerPlan, phases: &[Phase]) -> (Outlook, Option<String>) {
        let mut all = Outlook::Ready;
        for dependency in &plan.dependencies {
            let other = self.plans.iter().position(|other| other.name == dependency.container);
            let Some(other) = other.map(|index| &phases[index]) else { continue };
            match dependency.outlook(other) {
                Outlook::Ready => {}
                Outlook::Waits => all = Outlook::Waits,
                Outlook::Hopeless => {
                    let code = if let Phase::Stopped { code, .. } = other { *code } else { None };
                    return (Outlook::Hopeless, Some(dependency.unmet(&plan.name, code)));
                }
            }
        }
        (all, None)
    }

    /// Why the task has to end, if it has to: an essential container is over.
    fn end(&self, state: &State) -> Option<TaskEnd> {
        let ends = self.plans.iter().zip(&state.phases);
        let (_, phase) =
            ends.filter(|(plan, _)| plan.essential).find(|(_, phase)| phase.is_over())?;
        Some(match phase {
            Phase::Stopped { reason: Some(reason), .. } => {
                TaskEnd::new("TaskFailedToStart", reason)
            }
            _ => TaskEnd::new("EssentialContainerExited", "Essential container in task exited"),
        })
    }

    /// How far each container is, in the order of the plans.
    pub(in crate::ecs) fn standings(&self) -> Vec<Standing> {
        self.state().phases.iter().map(Phase::standing).collect()
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Takes note of what has started and what has ended.
    pub(super) fn look(&mut self) {
        for phase in &mut self.phases {
            if let Phase::Running { container, started, .. } = phase {
                *started = *started || container.is_started();
                if let Some(ended) = container.ended() {
                    *phase = Phase::after(ended);
                }
            }
        }
    }
}
