//! The file mode mask, umask(2).

use rustix::fs::Mode;

/// Reads a mask such as `022`.
pub(crate) fn parse(text: &str) -> Result<u32, String> {
    let digits = !text.is_empty() && text.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
    digits
        .then(|| u32::from_str_radix(text, 8).ok())
        .flatten()
        .filter(|mask| *mask <= 0o777)
        .ok_or_else(|| "give an octal number from 0 to 777, such as 022".to_owned())
}

/// Sets the mask of this process and of whatever it starts.
pub(crate) fn set(mask: u32) {
    rustix::process::umask(Mode::from_raw_mode(mask));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_octal_masks_are_taken() {
        for (text, mask) in [("000", 0), ("0", 0), ("022", 0o22), ("0027", 0o27), ("777", 0o777)] {
            assert_eq!(parse(text), Ok(mask));
        }
        for text in ["", "8", "-1", "+22", "0o22", "1000", " 022", "rwx", "77777777777777"] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }
}
