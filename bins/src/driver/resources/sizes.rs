//! The CPU, the memory and the disk of a task.

use fargate_core::ErrorKind;
use serde::Serialize;

use super::{Asked, Resources, refused};
use crate::backends::Abilities;
use crate::config::{Settings, keys};
use crate::driver::policy::{Policy, Said};
use crate::driver::refusal::Refusal;
use crate::driver::size;
use crate::gitlab::JobRequest;

/// CPU in units of 1/1024 vCPU and memory in MiB, before and after they are fitted to a size that the
/// platform has. 0 is the backend's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(in crate::driver) struct Sized {
    pub(in crate::driver) asked_cpu: u32,
    pub(in crate::driver) asked_memory: u32,
    pub(in crate::driver) cpu: u32,
    pub(in crate::driver) memory: u32,
}

/// One of the sizes a job can ask for.
struct Dimension {
    variable: &'static str,
    maximum: &'static str,
    read: fn(&str) -> Option<u32>,
    show: fn(u32) -> String,
    hint: &'static str,
}

const CPU: Dimension = Dimension {
    variable: "FARGATE_CPU",
    maximum: keys::MAX_CPU,
    read: size::cpu,
    show: size::show_cpu,
    hint: "write it like 1024, \"1 vCPU\" or \".5 vCPU\"",
};

const MEMORY: Dimension = Dimension {
    variable: "FARGATE_MEMORY",
    maximum: keys::MAX_MEMORY,
    read: size::memory,
    show: size::show_memory,
    hint: "write it like 2048, \"2 GB\" or \"512 MB\"",
};

const STORAGE: Dimension = Dimension {
    variable: "FARGATE_EPHEMERAL_STORAGE",
    maximum: keys::MAX_EPHEMERAL_STORAGE,
    read: storage,
    show: |gib| format!("{gib} GiB"),
    hint: "write a whole number of GiB from 21 to 200",
};

/// The range is that of `ephemeralStorage` in "Amazon ECS task definition parameters for Fargate".
fn storage(text: &str) -> Option<u32> {
    text.trim().parse().ok().filter(|gib| (21..=200).contains(gib))
}

pub(super) fn choose(
    settings: &Settings,
    policy: &Policy<'_>,
    request: &JobRequest,
    abilities: &Abilities,
    resources: &mut Resources,
) -> Result<(), Refusal> {
    let cpu = CPU.read(policy, request, resources)?;
    let memory = MEMORY.read(policy, request, resources)?;
    resources.needs.ephemeral_storage = STORAGE.read(policy, request, resources)?;
    if let Some(storage) = resources.needs.ephemeral_storage
        && storage > abilities.storage
    {
        let most = abilities.storage;
        let message = format!("the job asks for {storage} GiB of ephemeral storage");
        let hint = format!("ask for {most} GiB at most: Fargate has no more there");
        return Err(refused(ErrorKind::InvalidConfig, message, &hint));
    }
    if cpu.is_none() && memory.is_none() {
        return Ok(());
    }
    // What the job leaves out is the operator's. Where that stands in a task definition that is not
    // known here, it is the least that goes with the other.
    let own = |key: Option<&str>, read: fn(&str) -> Option<u32>| settings.text(key?).and_then(read);
    let (cpu_key, memory_key) = abilities.size_keys.unzip();
    let asked_cpu = cpu.or_else(|| own(cpu_key, size::cpu)).unwrap_or(0);
    let asked_memory = memory.or_else(|| own(memory_key, size::memory)).unwrap_or(0);
    let Some((fit_cpu, fit_memory)) = (abilities.fit)(asked_cpu, asked_memory) else {
        let asked = words(asked_cpu, asked_memory);
        let message = format!("the job asks for {asked}, and Fargate has nothing so large");
        return Err(refused(
            ErrorKind::InvalidConfig,
            message,
            "ask for 16 vCPU and 120 GB at most",
        ));
    };
    let sized = Sized { asked_cpu, asked_memory, cpu: fit_cpu, memory: fit_memory };
    CPU.stays_within(policy, asked_cpu, fit_cpu, &sized)?;
    MEMORY.stays_within(policy, asked_memory, fit_memory, &sized)?;
    resources.needs.cpu = Some(fit_cpu).filter(|cpu| *cpu > 0);
    resources.needs.memory = Some(fit_memory).filter(|memory| *memory > 0);
    resources.size = Some(sized);
    Ok(())
}

impl Dimension {
    /// What the job asks for, where it may choose that.
    fn read(
        &self,
        policy: &Policy<'_>,
        request: &JobRequest,
        resources: &mut Resources,
    ) -> Result<Option<u32>, Refusal> {
        let Some(asked) = Asked::read(self.variable, request, resources) else { return Ok(None) };
        let Some(maximum) = policy.maximum(self.maximum, self.read)? else {
            asked.not_used(self.maximum);
            return Ok(None);
        };
        let Some(value) = (self.read)(&asked.value) else {
            return Err(asked.means_nothing(self.hint));
        };
        let most = self.up_to(&maximum);
        if value > maximum.value {
            return Err(asked.not_allowed(&maximum, &most));
        }
        asked.allow(maximum.by, most);
        Ok(Some(value))
    }

    fn up_to(&self, maximum: &Said<u32>) -> String {
        format!("up to {}", (self.show)(maximum.value))
    }

    /// Checks what became of `asked`, which the platform may not have had: beyond that it stays
    /// within the maximum, where there is one.
    fn stays_within(
        &self,
        policy: &Policy<'_>,
        asked: u32,
        fit: u32,
        sized: &Sized,
    ) -> Result<(), Refusal> {
        let Some(maximum) = policy.maximum(self.maximum, self.read)? else { return Ok(()) };
        if fit <= asked.max(maximum.value) {
            return Ok(());
        }
        let message = format!(
            "the job asks for {}, for which Fargate has {} at least, and {} allows {}",
            words(sized.asked_cpu, sized.asked_memory),
            words(sized.cpu, sized.memory),
            maximum.by,
            self.up_to(&maximum)
        );
        Err(refused(
            ErrorKind::PermissionDenied,
            message,
            "ask for less, or for CPU and memory that go together",
        ))
    }
}

/// CPU and memory in words; what is 0 is not named.
fn words(cpu: u32, memory: u32) -> String {
    let parts = [
        (cpu > 0).then(|| format!("CPU {}", size::show_cpu(cpu))),
        (memory > 0).then(|| format!("memory {}", size::show_memory(memory))),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

impl std::fmt::Display for Sized {
    /// Such as `CPU 0.5 vCPU, memory 3 GB, rounded up to CPU 1 vCPU, memory 3 GB`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&words(self.asked_cpu, self.asked_memory))?;
        if (self.asked_cpu, self.asked_memory) != (self.cpu, self.memory) {
            write!(f, ", rounded up to {}", words(self.cpu, self.memory))?;
        }
        Ok(())
    }
}
