//! The lines the wrapper writes before the script's own output starts.

use crate::{Error, ErrorKind, Result};

/// Longest line the wrapper writes; its reasons hold a message of `cat`.
const LONGEST_LINE: usize = 4096;

/// What the beginning of standard output holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// Somebody else's bytes, such as what a login shell's start-up files print.
    Noise(Vec<u8>),
    /// The process id, which is the process group's as well.
    Pid(u32),
    /// From here on every byte is the script's; these came along.
    Run(Vec<u8>),
    /// The script could not be stored, and why.
    Failed(String),
}

/// Splits the beginning of standard output.
#[derive(Debug)]
pub(super) struct Preamble {
    /// What the caller is doing, for errors.
    op: &'static str,
    nonce: String,
    held: Vec<u8>,
}

impl Preamble {
    pub(super) fn new(op: &'static str, nonce: String) -> Self {
        Self { op, nonce, held: Vec::new() }
    }

    pub(super) fn push(&mut self, data: &[u8]) {
        self.held.extend_from_slice(data);
    }

    /// The next piece, or `None` until more has come. Nothing may be pushed after
    /// [`Piece::Run`].
    ///
    /// # Errors
    /// `Unexpected` when a line starts like one of the wrapper's but is none.
    pub(super) fn next(&mut self) -> Result<Option<Piece>> {
        let nonce = self.nonce.as_bytes();
        let found = self.held.windows(nonce.len()).position(|window| window == nonce);
        let noise = found.unwrap_or_else(|| self.held.len() - partial(&self.held, nonce));
        if noise > 0 {
            return Ok(Some(Piece::Noise(self.held.drain(..noise).collect())));
        }
        if found.is_none() {
            return Ok(None);
        }
        let Some(end) = self.held.iter().position(|byte| *byte == b'\n') else {
            return if self.held.len() > LONGEST_LINE { Err(self.malformed()) } else { Ok(None) };
        };
        let line = String::from_utf8_lossy(&self.held[nonce.len()..end]).into_owned();
        let piece = match line.trim().split_once(' ') {
            Some(("pid", pid)) => pid.parse().map(Piece::Pid).map_err(|_| self.malformed())?,
            Some(("failed", why)) => Piece::Failed(why.to_owned()),
            None if line.trim() == "run" => {
                let output = self.held.split_off(end + 1);
                self.held.clear();
                return Ok(Some(Piece::Run(output)));
            }
            _ => return Err(self.malformed()),
        };
        self.held.drain(..=end);
        Ok(Some(piece))
    }

    /// What is left when no more will come.
    pub(super) fn rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.held)
    }

    fn malformed(&self) -> Error {
        let line = &self.held[..self.held.len().min(200)];
        Error::new(
            ErrorKind::Unexpected,
            self.op,
            "the shell on the task answered with a malformed line",
        )
        .with("line", String::from_utf8_lossy(line))
    }
}

/// How many of the last bytes may be the beginning of `nonce`.
pub(super) fn partial(held: &[u8], nonce: &[u8]) -> usize {
    (1..nonce.len().min(held.len() + 1))
        .rev()
        .find(|length| held.ends_with(&nonce[..*length]))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONCE: &str = "aab0aab1";

    fn pieces(chunks: &[&[u8]]) -> (Vec<u8>, Vec<Piece>) {
        let mut preamble = Preamble::new("test", NONCE.to_owned());
        let (mut noise, mut pieces) = (Vec::new(), Vec::new());
        for chunk in chunks {
            if let Some(Piece::Run(output)) = pieces.last_mut() {
                output.extend_from_slice(chunk);
                continue;
            }
            preamble.push(chunk);
            while let Some(piece) = preamble.next().unwrap() {
                match piece {
                    Piece::Noise(bytes) => noise.extend(bytes),
                    piece => pieces.push(piece),
                }
                if matches!(pieces.last(), Some(Piece::Run(_))) {
                    break;
                }
            }
        }
        noise.extend(preamble.rest());
        (noise, pieces)
    }

    #[test]
    fn every_way_of_cutting_the_stream_gives_the_same() {
        let text =
            b"rc noise aab0aab0 without end: aab0aab1 pid 4711\naab0aab1 run\naab0aab1 x\n\xff";
        let whole = pieces(&[text]);
        assert_eq!(whole.0, b"rc noise aab0aab0 without end: ");
        assert_eq!(whole.1, [Piece::Pid(4711), Piece::Run(b"aab0aab1 x\n\xff".to_vec())]);
        for cut in 0..=text.len() {
            assert_eq!(pieces(&[&text[..cut], &text[cut..]]), whole, "cut at {cut}");
        }
        let bytes: Vec<&[u8]> = text.chunks(1).collect();
        assert_eq!(pieces(&bytes), whole);
    }

    #[test]
    fn a_failure_carries_its_reason() {
        let (_, pieces) = pieces(&[b"aab0aab1 pid 1\naab0aab1 failed /tmp: disk full\n"]);
        assert_eq!(pieces, [Piece::Pid(1), Piece::Failed("/tmp: disk full".to_owned())]);
    }

    #[test]
    fn noise_is_not_held_back() {
        let mut preamble = Preamble::new("test", NONCE.to_owned());
        preamble.push(&vec![b'x'; 1 << 20]);
        assert!(matches!(preamble.next(), Ok(Some(Piece::Noise(noise))) if noise.len() == 1 << 20));
    }

    #[test]
    fn nonsense_after_the_nonce_is_an_error() {
        for text in ["aab0aab1 pid x\n", "aab0aab1 what\n", "aab0aab1\n"] {
            let mut preamble = Preamble::new("test", NONCE.to_owned());
            preamble.push(text.as_bytes());
            assert_eq!(preamble.next().unwrap_err().kind(), ErrorKind::Unexpected, "{text}");
        }
        let mut preamble = Preamble::new("test", NONCE.to_owned());
        preamble.push(format!("{NONCE} {}", "x".repeat(LONGEST_LINE)).as_bytes());
        assert_eq!(preamble.next().unwrap_err().kind(), ErrorKind::Unexpected);
    }
}
