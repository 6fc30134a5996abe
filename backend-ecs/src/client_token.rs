//! RunTask's idempotency token.

use fargate_core::TaskKey;
use sha2::{Digest, Sha256};

/// AWS refuses a longer `clientToken` (API reference of RunTask).
const MAX_LEN: usize = 64;

/// The token of one attempt: the plain key first, so that the same call again finds the task.
///
/// AWS refuses a token that comes back with other parameters, hence one for each attempt.
pub(crate) fn client_token(key: &TaskKey, attempt: u32, tagged: bool) -> String {
    let mut token = key.to_string();
    if attempt > 0 {
        token = format!("{token}-{attempt}");
    }
    if !tagged {
        token.push_str("-u");
    }
    if token.len() <= MAX_LEN {
        return token;
    }
    // 32 bytes are 64 digits.
    Sha256::digest(&token).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_first_token_is_the_key() {
        let key = TaskKey::new("job-7").unwrap();
        assert_eq!(client_token(&key, 0, true), "job-7");
        assert_eq!(client_token(&key, 0, false), "job-7-u");
        assert_eq!(client_token(&key, 3, true), "job-7-3");
    }

    #[test]
    fn each_attempt_with_the_longest_key_has_a_token_that_aws_takes() {
        let key = TaskKey::new("k".repeat(52)).unwrap();
        let attempts = [0, 1, 100, 99_999, u32::MAX - 1, u32::MAX];
        let tokens: BTreeSet<_> = attempts
            .into_iter()
            .flat_map(|attempt| [true, false].map(|tagged| client_token(&key, attempt, tagged)))
            .collect();
        assert_eq!(tokens.len(), 2 * attempts.len(), "each is another: {tokens:?}");
        assert!(tokens.iter().all(|token| token.len() <= 64), "{tokens:?}");
        assert!(tokens.contains(&format!("{key}-99999-u")));
        let again = client_token(&key, u32::MAX, false);
        assert!(tokens.contains(&again) && !again.starts_with('k'), "a digest: {again}");
    }
}
