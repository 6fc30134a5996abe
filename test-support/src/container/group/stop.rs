//! The end of the containers of a task.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::phase::Phase;
use super::run::Group;
use crate::host::pause;

impl Group {
    /// Ends every container, those that others depend on last: TERM to its first process, KILL
    /// after its stop timeout, which is `grace` where it names none.
    pub(crate) fn terminate(&self, grace: Duration) {
        let mut deadlines: Vec<Option<Instant>> = vec![None; self.plans.len()];
        while !self.hurry.load(Ordering::SeqCst) {
            let mut state = self.state();
            state.closed = true;
            state.look();
            let mut all_over = true;
            for (index, plan) in self.plans.iter().enumerate() {
                let Phase::Running { container, .. } = &state.phases[index] else { continue };
                all_over = false;
                match deadlines[index] {
                    Some(deadline) if Instant::now() >= deadline => container.signal(Signal::KILL),
                    Some(_) => {}
                    None if self.is_needed(&plan.name, &state.phases) => {}
                    None => {
                        container.signal(Signal::TERM);
                        let grace = plan.stop_timeout.unwrap_or(grace);
                        deadlines[index] = Some(Instant::now() + grace);
                    }
                }
            }
            drop(state);
            if all_over {
                break;
            }
            pause();
        }
        self.kill();
    }

    /// Whether a container that depends on it still runs.
    fn is_needed(&self, name: &str, phases: &[Phase]) -> bool {
        self.plans.iter().zip(phases).any(|(plan, phase)| {
            matches!(phase, Phase::Running { .. })
                && plan.dependencies.iter().any(|dependency| dependency.container == name)
        })
    }

    /// Ends everything at once. Nothing starts any more.
    pub(crate) fn kill(&self) {
        self.hurry.store(true, Ordering::SeqCst);
        let mut state = self.state();
        state.closed = true;
        drop(state.sandbox.take());
        for phase in &mut state.phases {
            if let Phase::Running { container, .. } = phase {
                *phase = Phase::after(container.wait());
            }
            if matches!(phase, Phase::Waiting) {
                *phase = Phase::Stopped { code: None, reason: None };
            }
        }
    }
}
