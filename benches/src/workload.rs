//! Commands for the far side, in terms of `src/bin/remote.rs`.

use std::io;

use fargate_core::quote;
use sha2::{Digest, Sha256};

use crate::programs;

/// The shell command that runs the far side's program with these arguments.
///
/// # Errors
/// When the program cannot be built.
pub fn remote(arguments: &str) -> io::Result<String> {
    Ok(format!("exec {} {arguments}", quote(&programs::remote()?.display().to_string())))
}

/// A script of `bytes` bytes that does nothing: its second line is a comment to the end.
#[must_use]
pub fn large_script(bytes: usize) -> Vec<u8> {
    let mut script = b"exit 0\n#".to_vec();
    script.resize(bytes.max(script.len()), b'x');
    script
}

/// What a server does with an uploaded script, for clients that have only commands: keep it in a
/// file without a name and count it.
pub const STORE: &str =
    "f=$(mktemp) && exec 8>\"$f\" 9<\"$f\" && rm -f \"$f\" && cat >&8 && wc -c <&9";

/// Bytes that do not repeat within any window: Marsaglia's xorshift64, little-endian.
#[derive(Debug, Clone)]
pub struct Noise(u64);

impl Default for Noise {
    fn default() -> Self {
        Self(0x2545_F491_4F6C_DD1D)
    }
}

impl Noise {
    /// Fills a buffer with the next bytes; its length should be a multiple of 8.
    pub fn fill(&mut self, buffer: &mut [u8]) {
        for word in buffer.chunks_mut(8) {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            word.copy_from_slice(&self.0.to_le_bytes()[..word.len()]);
        }
    }

    /// SHA-256 of the first `bytes` bytes in pieces of 64 KiB.
    #[must_use]
    pub fn digest(bytes: u64) -> Vec<u8> {
        let mut noise = Self::default();
        let mut buffer = vec![0; 64 << 10];
        let mut hash = Sha256::new();
        for _ in 0..bytes / (64 << 10) {
            noise.fill(&mut buffer);
            hash.update(&buffer);
        }
        hash.finalize().to_vec()
    }
}
