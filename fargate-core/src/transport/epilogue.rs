//! The line the receiving shell writes behind the script's output.

use bytes::{Bytes, BytesMut};
use memchr::memmem::Finder;

use super::preamble::partial;

/// What follows the nonce, without the digits and the line's end.
const WORD: &[u8] = b" exit ";
/// Digits of an exit code.
const DIGITS: usize = 3;

/// Finds the exit code behind the output and takes its line out.
///
/// The script may learn the nonce and write such a line itself; it then deceives nobody but its
/// own author, who could as well have exited with that code.
#[derive(Debug)]
pub(super) struct Epilogue {
    nonce: Finder<'static>,
    /// The beginning of a line that may be the one.
    held: BytesMut,
    found: bool,
}

/// What a chunk of output turned out to be.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Sifted {
    /// The script's own output.
    pub(super) output: Bytes,
    /// Its exit code, if that came.
    pub(super) code: Option<u32>,
}

/// What stands behind a nonce.
enum Line {
    /// The exit code, and how many bytes it takes, nonce included.
    Code(u32, usize),
    /// It may become one.
    Unfinished,
    /// Something else.
    Output,
}

impl Epilogue {
    pub(super) fn new(nonce: &str) -> Self {
        let nonce = Finder::new(nonce.as_bytes()).into_owned();
        Self { nonce, held: BytesMut::new(), found: false }
    }

    /// Sifts the next chunk.
    pub(super) fn sift(&mut self, data: Bytes) -> Sifted {
        if self.found {
            return Sifted { output: data, code: None };
        }
        let data = if self.held.is_empty() {
            data
        } else {
            self.held.extend_from_slice(&data);
            self.held.split().freeze()
        };
        let mut from = 0;
        while let Some(at) = self.nonce.find(&data[from..]).map(|at| from + at) {
            match self.line(&data[at..]) {
                Line::Code(code, length) => {
                    self.found = true;
                    let mut output = BytesMut::from(&data[..at]);
                    output.extend_from_slice(&data[at + length..]);
                    return Sifted { output: output.freeze(), code: Some(code) };
                }
                Line::Unfinished => return self.hold(&data, at),
                Line::Output => from = at + self.nonce.needle().len(),
            }
        }
        let at = data.len() - partial(&data[from..], self.nonce.needle());
        self.hold(&data, at)
    }

    /// What is left when no more will come.
    pub(super) fn rest(&mut self) -> Bytes {
        self.held.split().freeze()
    }

    /// Keeps what begins at `at` back.
    fn hold(&mut self, data: &Bytes, at: usize) -> Sifted {
        self.held.extend_from_slice(&data[at..]);
        Sifted { output: data.slice(..at), code: None }
    }

    fn line(&self, text: &[u8]) -> Line {
        let nonce = self.nonce.needle().len();
        let rest = &text[nonce..];
        let word = &rest[..rest.len().min(WORD.len())];
        if !WORD.starts_with(word) {
            return Line::Output;
        }
        let rest = &rest[word.len()..];
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        match rest.get(digits) {
            None if digits <= DIGITS => Line::Unfinished,
            Some(b'\n') if (1..=DIGITS).contains(&digits) => {
                let code =
                    rest[..digits].iter().fold(0, |sum, byte| sum * 10 + u32::from(byte - b'0'));
                Line::Code(code, nonce + WORD.len() + digits + 1)
            }
            _ => Line::Output,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONCE: &str = "aab0aab1";

    fn sifted(chunks: &[&[u8]]) -> (Vec<u8>, Option<u32>) {
        let mut epilogue = Epilogue::new(NONCE);
        let (mut output, mut code) = (Vec::new(), None);
        for chunk in chunks {
            let sifted = epilogue.sift(Bytes::copy_from_slice(chunk));
            output.extend_from_slice(&sifted.output);
            code = code.or(sifted.code);
        }
        output.extend_from_slice(&epilogue.rest());
        (output, code)
    }

    #[test]
    fn every_way_of_cutting_the_stream_gives_the_same() {
        let text = b"out aab0aab0 aab0aab1 exit now aab0aab1\0 endaab0aab1 exit 42\nlate aab0aab1 exit 1\n";
        let wanted: &[u8] = b"out aab0aab0 aab0aab1 exit now aab0aab1\0 endlate aab0aab1 exit 1\n";
        for cut in 0..=text.len() {
            let (output, code) = sifted(&[&text[..cut], &text[cut..]]);
            assert_eq!((&*output, code), (wanted, Some(42)), "cut at {cut}");
        }
        let bytes: Vec<&[u8]> = text.chunks(1).collect();
        assert_eq!(sifted(&bytes), (wanted.to_vec(), Some(42)));
    }

    #[test]
    fn output_without_the_line_passes_unchanged() {
        for text in [&b"aab0aab1 exit 1234\n"[..], b"aab0aab1 exit \n", b"aab0aab1 exit 4", b"aab0"]
        {
            assert_eq!(sifted(&[text]), (text.to_vec(), None));
        }
    }

    #[test]
    fn what_cannot_be_the_line_is_not_held_back() {
        let mut epilogue = Epilogue::new(NONCE);
        let output = Bytes::from(vec![b'x'; 1 << 20]);
        assert_eq!(epilogue.sift(output.clone()), Sifted { output, code: None });
    }
}
