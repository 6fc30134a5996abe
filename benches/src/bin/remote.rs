//! What runs on the far side: a source of bytes, lines or timestamps.
//!
//! ```text
//! bench-remote zero BYTES            both BYTES             endless
//! bench-remote lines COUNT           noise BYTES            clock COUNT MILLISECONDS
//! ```

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::fd::AsFd;
use std::thread;
use std::time::Duration;

use fargate_benches::workload::Noise;
use rustix::time::{ClockId, clock_gettime};

const BLOCK: usize = 64 << 10;
/// What the C library buffers for a program that writes lines into a pipe.
const LINE_BUFFER: usize = 4096;

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |index: usize| {
        let text =
            arguments.get(index).ok_or_else(|| io::Error::other("an argument is missing"))?;
        text.parse::<u64>().map_err(io::Error::other)
    };
    // Without the line buffer of Rust's own standard output.
    let out = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    match arguments.first().map(String::as_str) {
        Some("zero") => zero(&out, number(1)?),
        Some("both") => both(&out, number(1)?),
        Some("endless") => loop {
            zero(&out, 1 << 30)?;
        },
        Some("lines") => lines(out, number(1)?),
        Some("noise") => noise(&out, number(1)?),
        Some("clock") => clock(&out, number(1)?, Duration::from_millis(number(2)?)),
        _ => Err(io::Error::other("zero, both, endless, lines, noise or clock")),
    }
}

fn zero(mut out: &File, bytes: u64) -> io::Result<()> {
    let block = [0; BLOCK];
    let mut left = bytes;
    while left > 0 {
        let now = left.min(BLOCK as u64);
        out.write_all(&block[..usize::try_from(now).unwrap_or(BLOCK)])?;
        left -= now;
    }
    Ok(())
}

/// Both streams at once, `bytes` on each.
fn both(out: &File, bytes: u64) -> io::Result<()> {
    let errors = File::from(io::stderr().as_fd().try_clone_to_owned()?);
    let other = thread::spawn(move || zero(&errors, bytes));
    zero(out, bytes)?;
    other.join().map_err(|_| io::Error::other("the second writer panicked"))?
}

/// Lines of 25 bytes.
fn lines(out: File, count: u64) -> io::Result<()> {
    let mut out = BufWriter::with_capacity(LINE_BUFFER, out);
    for number in 0..count {
        writeln!(out, "line {number:>10} is done.")?;
    }
    out.flush()
}

fn noise(mut out: &File, bytes: u64) -> io::Result<()> {
    let mut noise = Noise::default();
    let mut buffer = vec![0; BLOCK];
    for _ in 0..bytes / BLOCK as u64 {
        noise.fill(&mut buffer);
        out.write_all(&buffer)?;
    }
    Ok(())
}

/// The time of each line, in nanoseconds of the clock all processes of a machine share.
fn clock(mut out: &File, count: u64, every: Duration) -> io::Result<()> {
    for _ in 0..count {
        #[expect(clippy::disallowed_methods, reason = "a program without a runtime")]
        thread::sleep(every);
        let now = clock_gettime(ClockId::Monotonic);
        // One write, whatever the formatting does.
        out.write_all(format!("{}\n", now.tv_sec * 1_000_000_000 + now.tv_nsec).as_bytes())?;
    }
    Ok(())
}
