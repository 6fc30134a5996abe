use fargate_core::SecretText;
use zeroize::Zeroizing;

/// Length of a secret in bytes; its text is twice as long.
const BYTES: usize = 32;

/// A fresh secret for one task to prove its host key with ([`SshExec::proving`]): 32 bytes from a
/// generator seeded by the operating system, as hexadecimal digits.
///
/// [`SshExec::proving`]: crate::SshExec::proving
#[must_use]
pub fn new_host_secret() -> SecretText {
    let bytes = Zeroizing::new(rand::random::<[u8; BYTES]>());
    let mut text = Zeroizing::new(String::with_capacity(2 * BYTES));
    for byte in bytes.iter() {
        for half in [byte >> 4, byte & 15] {
            text.extend(char::from_digit(half.into(), 16));
        }
    }
    SecretText::new(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_has_all_its_digits_and_is_another_one_each_time() {
        let (one, another) = (new_host_secret(), new_host_secret());
        assert_eq!(one.expose().len(), 2 * BYTES);
        assert!(one.expose().bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert_ne!(one, another);
    }
}
