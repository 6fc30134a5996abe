//! Whether a text can be the name of an image.
//!
//! The grammar is that of the package `reference` of CNCF Distribution, which the container
//! runtimes use.

/// Kubernetes and the job's record hold the name; no registry has one nearly as long.
const MAX: usize = 4096;
/// The longest repository that registries take, without its registry.
const MAX_PATH: usize = 255;

/// Why `name` is no name of an image; `None` if it is one.
pub(super) fn why_not(name: &str) -> Option<&'static str> {
    if name.len() > MAX {
        return Some("it is longer than 4096 bytes");
    }
    if name.contains(|c: char| c.is_control() || c.is_whitespace() || !c.is_ascii()) {
        return Some("it has a space, or a character that is not plain ASCII");
    }
    let (name, digest) = match name.split_once('@') {
        Some((name, digest)) => (name, Some(digest)),
        None => (name, None),
    };
    if digest.is_some_and(|digest| !is_digest(digest)) {
        return Some("what follows @ is no digest, such as sha256:…");
    }
    // A colon before the last slash is a port's.
    let last = name.rfind('/').map_or(0, |at| at + 1);
    let (name, tag) = match name[last..].split_once(':') {
        Some((_, tag)) => (&name[..name.len() - tag.len() - 1], Some(tag)),
        None => (name, None),
    };
    if tag.is_some_and(|tag| !is_tag(tag)) {
        return Some("its tag is not 1 to 128 letters, digits, '_', '.' and '-'");
    }
    let path = match name.split_once('/') {
        Some((first, path)) if is_registry(first) => path,
        _ => name,
    };
    if path.len() > MAX_PATH {
        return Some("its repository is longer than 255 bytes");
    }
    if !path.split('/').all(is_part) {
        return Some(match path.contains(|c: char| c.is_ascii_uppercase()) {
            true => "its repository has upper-case letters",
            false => {
                "the parts of its repository are not lower-case letters and digits, with '.', '_' \
                 or '-' between them"
            }
        });
    }
    None
}

/// Whether the part before the first slash is a registry, and a good one: host and port.
fn is_registry(text: &str) -> bool {
    // Else it belongs to a repository of the default registry.
    if text != "localhost" && !text.contains(['.', ':']) {
        return false;
    }
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, port)) if is_address(address) => (None, port),
        _ => {
            let at = text.find(':').unwrap_or(text.len());
            (Some(&text[..at]), &text[at..])
        }
    };
    let is_port = match port.strip_prefix(':') {
        Some(digits) => !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()),
        None => port.is_empty(),
    };
    is_port && host.is_none_or(|host| host.split('.').all(is_label))
}

/// The inside of the brackets of an IPv6 address.
fn is_address(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b':')
}

fn is_label(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// Letters and digits with separators between them: a dot, one or two underscores, or dashes.
fn is_part(text: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let separators = text.split(|c: char| c.is_ascii() && is_word(c as u8));
    let good = |separator: &str| {
        matches!(separator, "" | "." | "_" | "__") || separator.bytes().all(|byte| byte == b'-')
    };
    let ends = [text.bytes().next(), text.bytes().last()];
    ends.into_iter().all(|end| end.is_some_and(is_word)) && separators.into_iter().all(good)
}

fn is_tag(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
        && !text.starts_with(['.', '-'])
}

fn is_digest(text: &str) -> bool {
    text.split_once(':').is_some_and(|(algorithm, hash)| {
        algorithm.starts_with(|c: char| c.is_ascii_alphabetic())
            && algorithm.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+._-".contains(&byte))
            && hash.len() >= 32
            && hash.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn names_of_images_are_taken() {
        for good in [
            "alpine",
            "alpine:3.20",
            "library/alpine",
            "a/b/c/d:1",
            "registry.example.com/ci/rust:1.80-slim_b",
            "registry.example.com:5000/ci",
            "Registry.Example.com/ci",
            "localhost/x",
            "localhost:5000/x:y",
            "127.0.0.1:5000/x",
            "[2001:db8::1]:5000/x",
            "[::1]/x",
            "111122223333.dkr.ecr.eu-west-1.amazonaws.com/ci:Tag_1",
            "a--b/c__d/e.f_g",
            "0",
        ] {
            assert_eq!(why_not(good), None, "{good}");
            assert_eq!(why_not(&format!("{good}@{DIGEST}")), None, "{good} with a digest");
        }
        assert_eq!(why_not(&format!("r.example.com/{}", "a".repeat(255))), None);
    }

    #[test]
    fn anything_else_is_refused_with_the_reason() {
        let (long, too_long) = ("a".repeat(256), "a".repeat(4097));
        let tag = format!("a:{}", "t".repeat(129));
        for (bad, word) in [
            ("", "parts"),
            (" alpine", "space"),
            ("alpine 3", "space"),
            ("alpine\n", "space"),
            ("alpine\u{0}", "space"),
            ("alpine\u{a0}", "space"),
            ("älpine", "ASCII"),
            ("-alpine", "parts"),
            ("--privileged", "parts"),
            ("alpine-", "parts"),
            ("/alpine", "parts"),
            ("a//b", "parts"),
            ("a/", "parts"),
            ("../a", "parts"),
            ("r.example.com/../a", "parts"),
            ("a___b", "parts"),
            ("a..b/c", "parts"),
            ("$IMAGE", "upper-case"),
            ("$image", "parts"),
            ("docker://alpine", "parts"),
            ("Alpine:3", "upper-case"),
            ("Library/alpine", "upper-case"),
            ("r.example.com/Ci", "upper-case"),
            ("r.example.com:port/ci", "parts"),
            ("r.example.com:/ci", "parts"),
            ("-r.example.com/ci", "parts"),
            ("[::1/ci", "parts"),
            ("alpine:", "tag"),
            ("alpine:.3", "tag"),
            ("alpine:a:b", "tag"),
            ("alpine:3;x", "tag"),
            (&tag, "tag"),
            ("alpine@", "digest"),
            ("alpine@sha256:12", "digest"),
            ("alpine@sha256:xyz", "digest"),
            (&format!("alpine@{DIGEST}@{DIGEST}"), "digest"),
            (&long, "255"),
            (&too_long, "4096"),
        ] {
            let why = why_not(bad).unwrap_or_else(|| panic!("{bad:?} was taken"));
            assert!(why.contains(word), "{bad:?}: {why}");
        }
    }
}
