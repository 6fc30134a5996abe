//! What EKS Fargate makes of a pod's requests, and so what AWS bills.
//!
//! Source: "Understand Fargate Pod configuration details" in the EKS user guide.

use std::fmt;

use fargate_aws_access::smallest_size;
use serde_json::Value;

use crate::quantity;

const MIB: u64 = 1 << 20;
/// What Fargate adds to a pod's memory for its own components.
const OVERHEAD_MIB: u64 = 256;

/// A size that Fargate has for pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct FargateSize {
    /// Thousandths of a vCPU.
    pub millicores: u64,
    /// Memory in MiB.
    pub memory_mib: u64,
}

impl FargateSize {
    /// What is billed for a pod that requests `cpu` and `memory` in all, given as Kubernetes
    /// quantities such as `1` and `8Gi`. Fargate adds 256 MiB and rounds up: that example
    /// takes 2 vCPU and 9 GiB.
    ///
    /// `None` if one is no quantity, or no size is large enough.
    #[must_use]
    pub fn for_requests(cpu: &str, memory: &str) -> Option<Self> {
        Self::fitting(quantity::millicores(cpu)?, quantity::bytes(memory)?)
    }

    /// The smallest size for that many thousandths of a CPU and bytes of memory.
    pub(crate) fn fitting(millicores: u64, bytes: u64) -> Option<Self> {
        // A pod without any request gets the smallest size, overhead included.
        let memory = bytes.div_ceil(MIB).checked_add(OVERHEAD_MIB)?;
        // The table counts CPUs in parts of 1024, of which every one is a whole number of
        // thousandths.
        let units = millicores.checked_mul(1024)?.div_ceil(1000);
        let (cpu, memory) = smallest_size(u32::try_from(units).ok()?, u32::try_from(memory).ok()?)?;
        Some(Self { millicores: u64::from(cpu) * 1000 / 1024, memory_mib: memory.into() })
    }

    /// The size of a whole pod: its containers together, or its largest init container.
    pub(crate) fn of_pod(pod: &Value) -> Option<Self> {
        let (millicores, bytes) = asked(pod)?;
        Self::fitting(millicores, bytes)
    }

    /// Reads the annotation `CapacityProvisioned`, such as `0.25vCPU 0.5GB`.
    pub(crate) fn provided(text: &str) -> Option<Self> {
        let (cpu, memory) = text.split_once("vCPU")?;
        let memory = memory.trim().strip_suffix("GB")?;
        Some(Self {
            millicores: quantity::millicores(cpu.trim())?,
            memory_mib: quantity::bytes(&format!("{memory}Gi"))? / MIB,
        })
    }
}

/// What the whole pod asks for, in words.
pub(crate) fn asked_for(pod: &Value) -> Option<String> {
    let (millicores, bytes) = asked(pod)?;
    let cpu = decimal(millicores, 1000);
    Some(match bytes.div_ceil(MIB) {
        0 if millicores == 0 => "nothing".to_owned(),
        mib if mib < 1024 => format!("{cpu} CPU and {mib} MiB"),
        mib => format!("{cpu} CPU and {} GiB", decimal(mib, 1024)),
    })
}

/// Thousandths of a CPU and bytes of memory that the whole pod requests.
fn asked(pod: &Value) -> Option<(u64, u64)> {
    let (cpu, memory) = (|text: &str| quantity::millicores(text), quantity::bytes);
    Some((requested(pod, "cpu", cpu)?, requested(pod, "memory", memory)?))
}

/// `value` in `unit`s, with two decimals at most.
fn decimal(value: u64, unit: u64) -> String {
    let hundredths = value * 100 / unit;
    let text = format!("{}.{:02}", hundredths / 100, hundredths % 100);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// What the pod requests of `resource`; `None` if something there is no quantity.
fn requested(pod: &Value, resource: &str, read: impl Fn(&str) -> Option<u64>) -> Option<u64> {
    let each = |list: &str| -> Option<Vec<u64>> {
        let containers = pod["spec"][list].as_array().map_or(&[][..], Vec::as_slice);
        containers
            .iter()
            .map(|container| match &container["resources"]["requests"][resource] {
                Value::Null => Some(0),
                Value::String(text) => read(text),
                Value::Number(number) => read(&number.to_string()),
                _ => None,
            })
            .collect()
    };
    let together = each("containers")?.into_iter().try_fold(0_u64, u64::checked_add)?;
    let largest_init = each("initContainers")?.into_iter().max().unwrap_or(0);
    Some(together.max(largest_init))
}

impl fmt::Display for FargateSize {
    /// As Kubernetes shows it in the annotation `CapacityProvisioned`, with spaces.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cpu = decimal(self.millicores, 1000);
        let memory = decimal(self.memory_mib, 1024);
        write!(f, "{cpu} vCPU and {memory} GB")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn requests_are_rounded_up_to_a_size_that_fargate_has() {
        for (cpu, memory, wanted) in [
            ("1", "8Gi", "2 vCPU and 9 GB"),
            ("0", "0", "0.25 vCPU and 0.5 GB"),
            ("250m", "256Mi", "0.25 vCPU and 0.5 GB"),
            ("250m", "257Mi", "0.25 vCPU and 1 GB"),
            ("250m", "2Gi", "0.5 vCPU and 3 GB"),
            ("0.3", "100Mi", "0.5 vCPU and 1 GB"),
            ("1", "1Gi", "1 vCPU and 2 GB"),
            ("2", "16128Mi", "2 vCPU and 16 GB"),
            ("2", "16Gi", "4 vCPU and 17 GB"),
            ("251m", "0", "0.5 vCPU and 1 GB"),
            ("500m", "3840Mi", "0.5 vCPU and 4 GB"),
            ("4", "30464Mi", "4 vCPU and 30 GB"),
            ("4", "30Gi", "8 vCPU and 32 GB"),
            ("8", "17Gi", "8 vCPU and 20 GB"),
            ("16", "119Gi", "16 vCPU and 120 GB"),
        ] {
            let size = FargateSize::for_requests(cpu, memory).map(|size| size.to_string());
            assert_eq!(size.as_deref(), Some(wanted), "{cpu} and {memory}");
        }
        assert_eq!(FargateSize::for_requests("16", "120Gi"), None);
        assert_eq!(FargateSize::for_requests("17", "1Gi"), None);
        assert_eq!(FargateSize::for_requests("one", "1Gi"), None);
    }

    #[test]
    fn what_fargate_has_provided_is_read() {
        let size = FargateSize::provided("0.25vCPU 0.5GB").unwrap();
        assert_eq!((size.millicores, size.memory_mib), (250, 512));
        for text in ["", "2vCPU", "vCPU 1GB", "2vCPU 9", "xvCPU 1GB"] {
            assert_eq!(FargateSize::provided(text), None, "{text}");
        }
    }

    #[test]
    fn a_pod_is_as_large_as_its_containers_together_or_its_largest_init_container() {
        let requests = |cpu: &str, memory: &str| json!({ "resources": { "requests": { "cpu": cpu, "memory": memory } } });
        let pod = json!({ "spec": {
            "containers": [requests("500m", "1Gi"), requests("250m", "512Mi"), {}],
            "initContainers": [requests("1", "256Mi")],
        }});
        let size = FargateSize::of_pod(&pod).unwrap();
        assert_eq!((size.millicores, size.memory_mib), (1000, 2048));
        let numbers = json!({ "spec": { "containers": [
            { "resources": { "requests": { "cpu": 1, "memory": "1Gi" } } },
        ]}});
        assert_eq!(FargateSize::of_pod(&numbers).unwrap().millicores, 1000);
        let broken = json!({ "spec": { "containers": [requests("x", "1Gi")] } });
        assert_eq!(FargateSize::of_pod(&broken), None);
    }
}
