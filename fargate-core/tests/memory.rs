//! The allocator; alone in its process, because it measures the process.

#![cfg(all(target_os = "linux", target_env = "gnu"))]

use std::hint::black_box;

/// Pages this thread has asked the kernel for: proc_pid_stat(5), the eighth field after the name.
fn page_faults() -> u64 {
    let stat = std::fs::read_to_string("/proc/thread-self/stat").expect("test set-up");
    let (_, fields) = stat.rsplit_once(") ").expect("test set-up");
    fields.split(' ').nth(7).expect("test set-up").parse().expect("test set-up")
}

fn packets_come_and_go() {
    for _ in 0..1000 {
        let packets: Vec<_> = (0..16).map(|_| black_box(vec![1_u8; 32 << 10])).collect();
        drop(packets);
    }
}

#[test]
fn freed_packets_are_not_fetched_from_the_kernel_again() {
    fargate_core::keep_freed_memory();
    packets_come_and_go();
    let before = page_faults();
    packets_come_and_go();
    let fetched = page_faults() - before;
    assert!(fetched < 1000, "{fetched} pages for sixteen thousand packets");
}
