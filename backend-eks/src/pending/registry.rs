//! What registries answer to a pull, as the kubelet passes it on.

/// Why an image could not be pulled, in words that can be looked for.
pub(super) struct Answer(String);

impl Answer {
    /// `message` about `image`, without the words that name it: `geofence` has an "eof" in it.
    pub(super) fn new(message: &str, image: &str) -> Self {
        let image = image.to_ascii_lowercase();
        let (host, path) = match image.split_once('/') {
            // As Docker tells a registry from a namespace of its own.
            Some((host, path)) if host.contains(['.', ':']) || host == "localhost" => (host, path),
            _ => ("", image.as_str()),
        };
        let named = path.split('@').next().unwrap_or_default();
        let last = named.rsplit('/').next().unwrap_or_default();
        let name = last.split(':').next().unwrap_or_default();
        let text = message.to_ascii_lowercase();
        let words = text.split_whitespace().filter(|word| {
            !word.contains("://") && !is_part_of(name, word) && !is_part_of(host, word)
        });
        Self(words.collect::<Vec<_>>().join(" "))
    }

    /// Whether the registry has said no for good.
    pub(super) fn is_final(&self) -> bool {
        !self.is_passing()
            && self.has(&[
                "not found",
                "manifest unknown",
                "no such",
                "does not exist",
                "denied",
                "unauthorized",
                "authorization failed",
                "no basic auth",
                "403 forbidden",
                "invalid reference",
                "no match for platform",
                "no space left",
            ])
    }

    /// Whether the trouble may be over at the next attempt.
    pub(super) fn is_passing(&self) -> bool {
        self.has(&[
            "timeout",
            "timed out",
            "deadline exceeded",
            "connection re",
            "temporary failure",
            "eof",
            "toomanyrequests",
            "too many requests",
            "500 internal",
            "502 bad",
            "503 service",
            "504 gateway",
            "qps exceeded",
        ])
    }

    /// What to do about it.
    pub(super) fn hint(&self) -> &'static str {
        if self.has(&["pull access denied"]) {
            // Registries do not tell strangers what is there.
            "check the image name, and let the Fargate profile's pod execution role pull from \
             ECR, or name the registry's secret in ImagePullSecrets"
        } else if self.has(&["not found", "manifest unknown", "no such", "does not exist"]) {
            "check the image name and tag"
        } else if self.has(&["denied", "unauthorized", "auth", "forbidden"]) {
            "let the Fargate profile's pod execution role pull from ECR, or name the registry's \
             secret in ImagePullSecrets"
        } else if self.has(&["platform", "architecture"]) {
            "build the image for x86-64: Fargate pods have no other"
        } else if self.has(&["no space left"]) {
            "raise EphemeralStorage: the image does not fit"
        } else if self.has(&["invalid", "couldn't parse"]) {
            "correct the image name"
        } else {
            "check the image name, the right to pull, and the route to the registry (NAT gateway \
             or VPC endpoints for ecr.api, ecr.dkr and s3)"
        }
    }

    fn has(&self, parts: &[&str]) -> bool {
        parts.iter().any(|part| self.0.contains(part))
    }
}

/// Whether `word` has `name` in it as a name: not as letters of a longer one, and not as a plain
/// word of English.
fn is_part_of(name: &str, word: &str) -> bool {
    let plain = word.trim_matches([',', ';', ':', '.', '(', ')']);
    let is_edge = |next: Option<char>| next.is_none_or(|next| !next.is_ascii_alphanumeric());
    !name.is_empty()
        && (plain != name || name.contains(['.', ':']))
        && word.match_indices(name).any(|(at, _)| {
            let (before, rest) = word.split_at(at);
            is_edge(before.chars().next_back()) && is_edge(rest[name.len()..].chars().next())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What containerd says of an image, with `why` at its end.
    fn resolving(image: &str, why: &str) -> String {
        format!(
            "Failed to pull image \"{image}\": failed to pull and unpack image \"{image}\": failed \
             to resolve reference \"{image}\": {why}"
        )
    }

    #[test]
    fn words_in_an_images_own_name_are_not_the_registrys() {
        let path = "failed to do request: Head \"https://registry/v2/geofence/manifests/1\": EOF";
        for (image, why, passes) in [
            ("registry/geofence:1", "registry/geofence:1: not found", false),
            ("registry/geofence:1", path, true),
            (
                "registry.example.com/team/eof:1",
                "registry.example.com/team/eof:1: not found",
                false,
            ),
            ("eof", "docker.io/library/eof: not found", false),
            ("eof:1", "unexpected EOF", true),
            ("timeout:1", "docker.io/library/timeout:1: not found", false),
            ("timeout:1", "dial tcp 10.0.0.1:443: i/o timeout", true),
            ("ci/timeout@sha256:0f", "ci/timeout@sha256:0f: not found", false),
            (
                "timeout.example.com/ci:1",
                "dial tcp: lookup timeout.example.com: no such host",
                false,
            ),
            ("o:1", "dial tcp: i/o timeout", true),
        ] {
            let answer = Answer::new(&resolving(image, why), image);
            assert_eq!(answer.is_passing(), passes, "{image}: {}", answer.0);
            assert_eq!(answer.is_final(), !passes, "{image}: {}", answer.0);
        }
    }

    #[test]
    fn a_hint_is_not_taken_from_the_images_name() {
        let image = "registry/platform/auth-denied:1";
        let hint = |why| Answer::new(&resolving(image, why), image).hint();
        assert!(hint("registry/platform/auth-denied:1: not found").contains("name and tag"));
        assert!(hint("dial tcp: network is unreachable").contains("route"));
    }
}
