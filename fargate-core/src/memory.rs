//! How a program that streams uses its allocator.

use std::hint::black_box;

/// How much freed memory is kept, half of it, in bytes.
const KEPT: usize = 4 << 20;

/// Lets the allocator keep what a stream frees, for the packets that come next.
///
/// glibc's gives the top of the heap back to the kernel as soon as 128 KiB of it are free, and
/// fetches it again page by page: a stream of packets of 32 KiB can spend a quarter of its processor
/// time that way. Once a block that was mapped by itself is freed, glibc keeps twice its size
/// (mallopt(3), `M_MMAP_THRESHOLD`). So one block is enough, and its pages are never touched. Other
/// allocators are not changed by it.
///
/// For a program, once at its start; a library leaves this to the program.
pub fn keep_freed_memory() {
    drop(black_box(Vec::<u8>::with_capacity(KEPT)));
}
