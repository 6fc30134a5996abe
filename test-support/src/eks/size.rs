//! The machine Fargate makes for a pod.

use serde_json::Value;

/// Per number of CPU thousandths: the least and the most memory in MiB, and the step; 0 doubles.
const SIZES: [(u64, u64, u64, u64); 7] = [
    (250, 512, 2048, 0),
    (500, 1024, 4096, 1024),
    (1000, 2048, 8192, 1024),
    (2000, 4096, 16_384, 1024),
    (4000, 8192, 30_720, 1024),
    (8000, 16_384, 61_440, 4096),
    (16_000, 32_768, 122_880, 8192),
];

/// What the kubelet and its companions need.
const OVERHEAD_MIB: u64 = 256;

/// The annotation `CapacityProvisioned` of a pod: the smallest machine its requests fit in;
/// `None` if there is none.
pub(super) fn capacity(pod: &Value) -> Option<String> {
    let total = |kind: &str, resource: &str, scale: fn(&str) -> Option<u64>| {
        let containers = pod["spec"][kind].as_array().map(Vec::as_slice).unwrap_or_default();
        let one = |container: &Value| {
            let requests = &container["resources"]["requests"][resource];
            requests.as_str().and_then(scale).unwrap_or(0)
        };
        (containers.iter().map(one).sum::<u64>(), containers.iter().map(one).max().unwrap_or(0))
    };
    let cpu = total("containers", "cpu", millis).0.max(total("initContainers", "cpu", millis).1);
    let memory = total("containers", "memory", mib).0.max(total("initContainers", "memory", mib).1);
    let memory = memory + OVERHEAD_MIB;
    let (cpu, memory) = SIZES.iter().find_map(|&(size, least, most, step)| {
        let rounded = match step {
            0 => memory.next_power_of_two(),
            step => memory.div_ceil(step) * step,
        };
        (cpu <= size && memory <= most).then(|| (size, least.max(rounded)))
    })?;
    Some(format!("{}vCPU {}GB", decimal(cpu, 1000), decimal(memory, 1024)))
}

/// Thousandths of a CPU, rounded up.
pub(super) fn millis(text: &str) -> Option<u64> {
    quantity(text).map(|value| (value * 1000.0).ceil() as u64)
}

/// MiB, rounded up.
pub(super) fn mib(text: &str) -> Option<u64> {
    quantity(text).map(|value| (value / 1_048_576.0).ceil() as u64)
}

/// A quantity in its own unit; `None` if it is none.
pub(super) fn quantity(text: &str) -> Option<f64> {
    let end = text.find(|char: char| !char.is_ascii_digit() && char != '.').unwrap_or(text.len());
    let scale = match &text[end..] {
        "" => 1.0,
        "m" => 0.001,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "Ki" => 1024.0,
        "Mi" => 1_048_576.0,
        "Gi" => 1_073_741_824.0,
        "Ti" => 1_099_511_627_776.0,
        _ => return None,
    };
    Some(text[..end].parse::<f64>().ok()? * scale)
}

fn decimal(amount: u64, unit: u64) -> String {
    let hundredths = amount * 100 / unit;
    match (hundredths / 100, hundredths % 100) {
        (whole, 0) => whole.to_string(),
        (whole, part) => format!("{whole}.{part:02}").trim_end_matches('0').to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(cpu: &str, memory: &str) -> Option<String> {
        let resources = json!({"requests": {"cpu": cpu, "memory": memory}});
        capacity(&json!({"spec": {"containers": [{"resources": resources}]}}))
    }

    #[test]
    fn the_smallest_machine_that_fits() {
        for (cpu, memory, size) in [
            ("0", "0", "0.25vCPU 0.5GB"),
            ("250m", "256Mi", "0.25vCPU 0.5GB"),
            ("250m", "512Mi", "0.25vCPU 1GB"),
            ("250m", "1Gi", "0.25vCPU 2GB"),
            ("0.3", "512Mi", "0.5vCPU 1GB"),
            ("1", "8Gi", "2vCPU 9GB"),
            ("4", "16G", "4vCPU 16GB"),
            ("16", "100Gi", "16vCPU 104GB"),
        ] {
            assert_eq!(of(cpu, memory).as_deref(), Some(size), "{cpu} {memory}");
        }
        assert_eq!(of("17", "1Gi"), None);
        assert_eq!(capacity(&json!({"spec": {"containers": [{}]}})).unwrap(), "0.25vCPU 0.5GB");
    }
}
