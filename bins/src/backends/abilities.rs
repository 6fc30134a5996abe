//! What a backend can do for a job, as far as it is not the same everywhere.

use fargate_backend_ecs::EcsSize;
use fargate_backend_eks::FargateSize;

use crate::config::keys;

/// What tasks of a backend can be.
#[derive(Debug, Clone, Copy)]
pub struct Abilities {
    /// They can have the CPU architecture arm64.
    pub arm64: bool,
    /// They can be of capacity that may be taken back.
    pub spot: bool,
    /// Users are told as `kubernetes:user` has it: by numbers.
    pub kubernetes: bool,
    /// How many containers a task can have.
    pub containers: usize,
    /// How many characters the services' variables may take together.
    pub service_variables: usize,
    /// The most ephemeral storage, in GiB.
    pub storage: u32,
    /// The keys with the CPU and the memory of tasks that ask for none, written as ECS has them.
    pub size_keys: Option<(&'static str, &'static str)>,
    /// The size a task gets that is to have that much CPU, in units of 1/1024 vCPU, and memory, in
    /// MiB; 0 where nothing is said. `None` if none is large enough.
    pub fit: fn(u32, u32) -> Option<(u32, u32)>,
}

/// Ten containers are the quota "Containers per task definition" of Amazon ECS. The variables are a
/// part of RunTask's overrides, which hold 8192 characters, with two keys (RSA's of 4096 bits are the
/// longest), role and sizes.
pub(super) const ECS: Abilities = Abilities {
    arm64: true,
    spot: true,
    kubernetes: false,
    containers: 10,
    service_variables: 5900,
    storage: 200,
    size_keys: Some((keys::CPU, keys::MEMORY)),
    fit: |cpu, memory| EcsSize::at_least(cpu, memory).map(|size| (size.cpu, size.memory)),
};

/// Fargate has neither Arm nor Spot for pods: "Simplify compute management with AWS Fargate" in the
/// EKS user guide. It rounds up by itself.
pub(super) const EKS: Abilities = Abilities {
    arm64: false,
    spot: false,
    kubernetes: true,
    containers: usize::MAX,
    // A pod is 1.5 MiB at most, the limit of a request to etcd, with everything in it.
    service_variables: 512 << 10,
    storage: 175,
    size_keys: None,
    fit: |cpu, memory| {
        let cores = format!("{}m", (u64::from(cpu) * 1000).div_ceil(1024));
        FargateSize::for_requests(&cores, &format!("{memory}Mi")).map(|_| (cpu, memory))
    },
};
