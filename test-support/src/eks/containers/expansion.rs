//! `$(NAME)` in the fields of a container.

use std::collections::BTreeMap;

/// Replaces references to known variables; an unknown one stays, and `$$` stands for `$`.
///
/// As `Expand` of Kubernetes' `third_party/forked/golang/expansion` does.
pub(super) fn expand(text: &str, known: &BTreeMap<String, String>) -> String {
    let mut expanded = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        expanded += &rest[..at];
        let after = &rest[at + 1..];
        let reference = after.strip_prefix('(').and_then(|name| name.split_once(')'));
        rest = if let Some(after) = after.strip_prefix('$') {
            expanded.push('$');
            after
        } else if let Some((name, after)) = reference {
            match known.get(name) {
                Some(value) => expanded += value,
                None => expanded += &format!("$({name})"),
            }
            after
        } else {
            expanded.push('$');
            after
        };
    }
    expanded + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_replaced_from_left_to_right() {
        let known = BTreeMap::from([("A".to_owned(), "$(B)".to_owned())]);
        for (text, expanded) in [
            ("plain", "plain"),
            ("$(A)-$(B)", "$(B)-$(B)"),
            ("$$(A)", "$(A)"),
            ("$$$(A)", "$$(B)"),
            ("$A $ $(A", "$A $ $(A"),
        ] {
            assert_eq!(expand(text, &known), expanded, "{text}");
        }
    }
}
