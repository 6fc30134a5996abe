//! What the containers of services are called.

use std::collections::BTreeSet;

use fargate_core::AgentSetup;

use super::ports::last_part;
use crate::gitlab::JobService;

/// What the platform and the seam to it allow for a container's name, with room for a number.
const LONGEST: usize = 46;
/// The container the job runs in, and those that come with the agent.
const TAKEN: [&str; 3] = ["ci-coordinator", AgentSetup::BRINGER, AgentSetup::HELPER];

/// A name out of `a-z`, `0-9` and inner `-`, by the service's first alias or else its image, and
/// another one than those in `names`.
pub(super) fn container(service: &JobService, names: &mut BTreeSet<String>) -> String {
    let from =
        service.aliases.first().map_or_else(|| last_part(&service.image.name), String::as_str);
    let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let plain: String = from.chars().map(letter).take(LONGEST).collect();
    let plain = match plain.trim_matches('-') {
        "" => "service",
        plain => plain,
    };
    let free = |name: &String| !names.contains(name) && !TAKEN.contains(&name.as_str());
    let numbered = (2..).map(|number| format!("{plain}-{number}"));
    let name = std::iter::once(plain.to_owned()).chain(numbered).find(free);
    let name = name.unwrap_or_default();
    names.insert(name.clone());
    name
}
