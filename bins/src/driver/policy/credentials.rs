//! What lets the platform pull an image from a private registry.

use fargate_core::{Result, TaskImage};

use crate::config::{RegistryCredential, Settings, keys};
use crate::driver::patterns::{Patterns, Star};

/// The secret that `RegistryCredentials` has for `image`; the first that matches.
///
/// # Errors
/// `InvalidConfig` for a malformed pattern.
pub(crate) fn pull_secret(settings: &Settings, image: &TaskImage) -> Result<Option<String>> {
    for credential in settings.registry_credentials(keys::REGISTRY_CREDENTIALS) {
        if pattern(credential)?.allow(&image.name) {
            return Ok(Some(credential.secret.clone()));
        }
    }
    Ok(None)
}

pub(super) fn check(settings: &Settings) -> Result<()> {
    let all = settings.registry_credentials(keys::REGISTRY_CREDENTIALS);
    all.iter().try_for_each(|credential| pattern(credential).map(drop))
}

fn pattern(credential: &RegistryCredential) -> Result<Patterns> {
    let text = std::slice::from_ref(&credential.images);
    Patterns::new(keys::REGISTRY_CREDENTIALS, text, Star::OnePart)
}
