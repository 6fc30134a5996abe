//! What runs and what waits.

use std::io;
use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::process::Child;

use super::dependencies::Outlook;
use super::health::Health;
use super::phase::{Phase, Standing};
use super::plan::ContainerPlan;
use crate::container::{Container, Sandbox};
use crate::host::{ExecFailure, ExecRequest};

/// The containers of a task or pod.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) plans: Vec<ContainerPlan>,
    pub(super) directory: PathBuf,
    pub(super) shared: Shared,
    state: Mutex<State>,
    /// Nobody waits for a graceful end any more.
    pub(super) hurry: AtomicBool,
}

/// What they have in common.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) addresses: Vec<Ipv4Addr>,
    /// `/etc/hosts`.
    pub(crate) hosts: String,
    /// The mode of each volume's directory.
    pub(crate) volume_mode: u32,
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
pub(crate) enum Step {
    /// Some wait for others.
    Starting,
    /// Each has been started.
    Up,
    /// An essential one is over.
    Over(GroupEnd),
}

/// How an essential container ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum GroupEnd {
    /// It never began; why.
    NotStarted(String),
    Exited,
}

/// What the ECS agent says a container ended with that could not be started because of another
/// one: the code of one that TERM ended (`handleTerminalDependencyError`).
const UNMET: i32 = 143;

impl Group {
    pub(crate) fn new(plans: Vec<ContainerPlan>, directory: PathBuf, shared: Shared) -> Self {
        let phases = plans.iter().map(|_| Phase::Waiting).collect();
        let state = Mutex::new(State { sandbox: None, phases, closed: false });
        Self { plans, directory, shared, state, hurry: AtomicBool::new(false) }
    }

    /// The first container whose image nobody has.
    pub(crate) fn unknown_image(&self) -> Option<usize> {
        self.plans.iter().position(|plan| plan.tree.is_none())
    }

    /// Never starts a container, for that reason.
    pub(crate) fn give_up(&self, index: usize, reason: &str) {
        let reason = Some(reason.to_owned());
        self.state().phases[index] = Phase::Stopped { code: None, reason };
    }

    /// Makes what the containers share.
    pub(crate) fn open(&self) -> io::Result<()> {
        self.prepare()?;
        let sandbox = Sandbox::start(&self.shared.addresses)?;
        let mut state = self.state();
        if !state.closed {
            state.sandbox = Some(sandbox);
        }
        Ok(())
    }

    /// Takes note of what has ended and starts what may start.
    pub(crate) fn step(&self) -> Step {
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

    /// How the first essential container that is over ended.
    fn end(&self, state: &State) -> Option<GroupEnd> {
        let ends = self.plans.iter().zip(&state.phases);
        let (_, phase) =
            ends.filter(|(plan, _)| plan.essential).find(|(_, phase)| phase.is_over())?;
        Some(match phase {
            Phase::Stopped { reason: Some(reason), .. } => GroupEnd::NotStarted(reason.clone()),
            _ => GroupEnd::Exited,
        })
    }

    /// Starts a command in a container, with the streams that `request` wants.
    pub(crate) fn exec(&self, index: usize, request: &ExecRequest) -> Result<Child, ExecFailure> {
        // Held over the start, so that nothing starts unseen while all is being ended.
        let state = self.state();
        let Phase::Running { container, started: true, .. } = &state.phases[index] else {
            return Err(ExecFailure::NotRunning);
        };
        let program = request.command.first().map_or("", String::as_str);
        container.find(program).map_err(ExecFailure::CannotStart)?;
        let failed = |error: io::Error| ExecFailure::CannotStart(error.to_string());
        let mut command = container.command(&request.command).map_err(failed)?;
        request.set_streams(&mut command);
        tokio::process::Command::from(command).spawn().map_err(failed)
    }

    /// Connects to a port of the containers' localhost.
    pub(crate) fn dial(&self, port: u16) -> io::Result<TcpStream> {
        match &self.state().sandbox {
            Some(sandbox) => sandbox.dial(port),
            None => Err(io::ErrorKind::ConnectionRefused.into()),
        }
    }

    /// How far each container is, in the order of the plans.
    pub(crate) fn standings(&self) -> Vec<Standing> {
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
