//! Sizes of tasks.

use std::fmt;

use fargate_aws_access::smallest_size;

/// A size that Fargate has for ECS tasks.
///
/// Source: task CPU and memory in "Amazon ECS task definition differences for Fargate" of the ECS
/// developer guide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct EcsSize {
    /// CPU in units of 1/1024 vCPU.
    pub cpu: u32,
    /// Memory in MiB.
    pub memory: u32,
}

impl EcsSize {
    /// The smallest size with at least that much CPU, in units of 1/1024 vCPU, and memory, in MiB;
    /// 0 takes whatever goes with the other. `None` if Fargate has none so large.
    #[must_use]
    pub fn at_least(cpu: u32, memory: u32) -> Option<Self> {
        smallest_size(cpu, memory).map(|(cpu, memory)| Self { cpu, memory })
    }
}

impl fmt::Display for EcsSize {
    /// Such as `0.25 vCPU and 512 MiB`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} vCPU and {} MiB", f64::from(self.cpu) / 1024.0, self.memory)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_rounded_up_to_a_size_that_fargate_has() {
        for (asked, size) in [
            ((0, 0), (256, 512)),
            ((1, 1), (256, 512)),
            ((256, 0), (256, 512)),
            ((256, 512), (256, 512)),
            ((256, 513), (256, 1024)),
            ((256, 1025), (256, 2048)),
            ((256, 2048), (256, 2048)),
            // More memory than this number of CPUs comes with takes more CPUs.
            ((256, 2049), (512, 3072)),
            ((257, 0), (512, 1024)),
            ((512, 4096), (512, 4096)),
            ((512, 4097), (1024, 5120)),
            ((513, 512), (1024, 2048)),
            ((0, 8192), (1024, 8192)),
            ((1024, 8193), (2048, 9216)),
            ((1025, 0), (2048, 4096)),
            ((2048, 16_384), (2048, 16_384)),
            ((2048, 16_385), (4096, 17_408)),
            ((2049, 1), (4096, 8192)),
            ((4096, 30_720), (4096, 30_720)),
            ((0, 30_721), (8192, 32_768)),
            ((4097, 0), (8192, 16_384)),
            ((8192, 16_385), (8192, 20_480)),
            ((8192, 61_440), (8192, 61_440)),
            ((8192, 61_441), (16_384, 65_536)),
            ((8193, 0), (16_384, 32_768)),
            ((16_384, 32_769), (16_384, 40_960)),
            ((16_384, 114_689), (16_384, 122_880)),
            ((0, 122_880), (16_384, 122_880)),
        ] {
            let found = EcsSize::at_least(asked.0, asked.1).map(|size| (size.cpu, size.memory));
            assert_eq!(found, Some(size), "{asked:?}");
        }
        for (cpu, memory) in [(16_385, 0), (0, 122_881), (u32::MAX, u32::MAX)] {
            assert_eq!(EcsSize::at_least(cpu, memory), None, "{cpu} {memory}");
        }
    }

    #[test]
    fn a_size_reads_as_people_say_it() {
        let text = |cpu, memory| EcsSize::at_least(cpu, memory).unwrap().to_string();
        assert_eq!(text(256, 512), "0.25 vCPU and 512 MiB");
        assert_eq!(text(2048, 5000), "2 vCPU and 5120 MiB");
    }
}
