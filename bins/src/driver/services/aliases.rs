//! The host names of services.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::authors;
use crate::driver::refusal::Refusal;
use crate::gitlab::{JobRequest, JobService};

/// The names of one service: the two that GitLab derives from its image, and its own.
///
/// Derived as `SplitNameAndVersion` in GitLab Runner's `helpers/container/services` has it; one that
/// is no host name is left out, as in its `createServicesHostAlias`.
pub(super) fn of(service: &JobService) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let derived = derived(&service.image.name).into_iter().filter(|name| is_host(name));
    for name in derived.chain(service.aliases.iter().cloned()) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// Checks the names that the job gives itself.
///
/// # Errors
/// The author's: one that is no host name, or that two services have.
pub(super) fn check(request: &JobRequest, services: &[JobService]) -> Result<(), Refusal> {
    let mut taken = BTreeSet::new();
    for service in services {
        let own: BTreeSet<_> = service.aliases.iter().collect();
        for alias in own {
            let shown = request.shown(alias);
            if !is_host(alias) {
                let message = format!(
                    "the service {} has the alias {shown:?}, which is no host name",
                    service.image.shown
                );
                let hint = "take up to 63 letters, digits, '-' and '_' between two dots";
                return Err(authors(message, hint));
            }
            if !taken.insert(alias.to_ascii_lowercase()) {
                let message = format!("two services have the alias {shown:?}");
                return Err(authors(message, "give each service an alias of its own"));
            }
        }
    }
    Ok(())
}

/// The image's name without tag, digest and the registry's port, with `__` and with `-` for each `/`.
fn derived(image: &str) -> Vec<String> {
    let name = image.split('@').next().unwrap_or_default();
    let last = name.rfind('/').map_or(0, |at| at + 1);
    let end = name[last..].find(':').map_or(name.len(), |at| last + at);
    let name = &name[..end];
    let name = match name.split_once('/') {
        // A port follows the last colon; those before it are an IPv6 address's.
        Some((registry, path)) => match registry.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
                format!("{host}/{path}")
            }
            _ => name.to_owned(),
        },
        None => name.to_owned(),
    };
    let mut names = vec![name.replace('/', "__"), name.replace('/', "-")];
    names.dedup();
    names
}

/// Whether a file of hosts can hold it: labels of RFC 1123, and the underscore, which is in the names
/// that GitLab derives.
fn is_host(name: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(letter)
    };
    name.len() <= 253 && name.split('.').all(label) && name.parse::<IpAddr>().is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_names_come_from_the_image_as_gitlab_derives_them() {
        let digest = format!("@sha256:{}", "0".repeat(64));
        for (image, names) in [
            ("postgres:16", &["postgres"][..]),
            ("postgres", &["postgres"]),
            (&format!("postgres{digest}"), &["postgres"]),
            (&format!("postgres:16{digest}"), &["postgres"]),
            ("tutum/wordpress:latest", &["tutum__wordpress", "tutum-wordpress"]),
            (
                "registry.example.com:5000/group/pg:1",
                &["registry.example.com__group__pg", "registry.example.com-group-pg"],
            ),
            ("localhost:5000/pg", &["localhost__pg", "localhost-pg"]),
        ] {
            assert_eq!(derived(image), names, "{image}");
        }
    }
}
