//! The sizes that Fargate has, of ECS tasks as of EKS pods.
//!
//! Sources: "Amazon ECS task definition differences for Fargate", task CPU and memory, in the ECS
//! developer guide; "Understand Fargate Pod configuration details" in the EKS user guide. Both have
//! the same table.

/// Units of 1/1024 vCPU, each with the sizes of memory in MiB it comes with; both ascending.
pub const FARGATE_SIZES: [(u32, &[u32]); 7] = [
    (256, &[512, 1024, 2048]),
    (512, &gib::<4>(1, 1)),
    (1024, &gib::<7>(2, 1)),
    (2048, &gib::<13>(4, 1)),
    (4096, &gib::<23>(8, 1)),
    (8192, &gib::<12>(16, 4)),
    (16_384, &gib::<12>(32, 8)),
];

/// `N` sizes in MiB from `first` GiB on, `step` GiB apart.
const fn gib<const N: usize>(first: u32, step: u32) -> [u32; N] {
    let mut sizes = [0; N];
    let (mut index, mut size) = (0, first);
    while index < N {
        sizes[index] = size * 1024;
        index += 1;
        size += step;
    }
    sizes
}

/// The smallest size with at least that much CPU, in units of 1/1024 vCPU, and memory, in MiB;
/// `None` if there is none so large.
#[must_use]
pub fn smallest_size(cpu: u32, memory: u32) -> Option<(u32, u32)> {
    FARGATE_SIZES.iter().filter(|(units, _)| *units >= cpu).find_map(|(units, sizes)| {
        let size = sizes.iter().find(|size| **size >= memory)?;
        Some((*units, *size))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_of_cpus_comes_with_the_memory_that_the_guide_says() {
        let edges: Vec<_> = FARGATE_SIZES
            .iter()
            .map(|(cpu, sizes)| (*cpu, sizes[0], sizes[sizes.len() - 1], sizes.len()))
            .collect();
        assert_eq!(
            edges,
            [
                (256, 512, 2048, 3),
                (512, 1024, 4096, 4),
                (1024, 2048, 8192, 7),
                (2048, 4096, 16_384, 13),
                (4096, 8192, 30_720, 23),
                (8192, 16_384, 61_440, 12),
                (16_384, 32_768, 122_880, 12),
            ]
        );
        for (cpu, step) in [(1024, 1024), (4096, 1024), (8192, 4096), (16_384, 8192)] {
            let (_, sizes) = FARGATE_SIZES.iter().find(|(units, _)| *units == cpu).unwrap();
            assert!(sizes.windows(2).all(|two| two[1] - two[0] == step), "{cpu}");
        }
    }

    #[test]
    fn a_size_that_exists_is_kept() {
        for (cpu, sizes) in FARGATE_SIZES {
            for memory in sizes {
                assert_eq!(smallest_size(cpu, *memory), Some((cpu, *memory)));
            }
        }
    }
}
