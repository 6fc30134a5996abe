//! Which registry an image comes from.

/// The host in an image's name; Docker Hub where it names none.
///
/// The first part is a host if it has a dot or a colon or is `localhost`: "image reference" in
/// the documentation of `docker image tag`.
pub(super) fn registry(image: &str) -> &str {
    const HUB: &str = "docker.io";
    match image.split_once('/') {
        Some(("index.docker.io" | "registry-1.docker.io", _)) => HUB,
        Some((host, _)) if host.contains(['.', ':']) || host == "localhost" => host,
        _ => HUB,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_without_a_host_is_of_docker_hub() {
        for (image, host) in [
            ("alpine", "docker.io"),
            ("alpine:3", "docker.io"),
            ("library/alpine@sha256:0", "docker.io"),
            ("index.docker.io/library/alpine", "docker.io"),
            ("registry.example.com/a/b:1", "registry.example.com"),
            ("registry:5000/a", "registry:5000"),
            ("localhost/a", "localhost"),
        ] {
            assert_eq!(registry(image), host, "{image}");
        }
    }
}
