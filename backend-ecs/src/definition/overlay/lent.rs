//! What the containers that come with the agent have from the job's container of the base.

use fargate_core::{Result, TaskImage};
use serde_json::{Value, json};

use super::fields::{Fields, put, wrong};
use crate::definition::registry::registry;

/// Longest name of an image, without a digest: API reference of ECS, ContainerDefinition.
const MAX_IMAGE: usize = 255;

/// What the base says of its job's container that is of use for others.
#[derive(Debug)]
pub(super) struct Lent {
    /// The base's own image.
    pub(super) image: String,
    credentials: Option<Value>,
    /// Each container writes to a stream of its own all the same: with awslogs it is named after
    /// the container ("awslogs-stream-prefix" in the developer guide).
    log: Option<Value>,
}

impl Lent {
    pub(super) fn of(job: &Fields) -> Self {
        let image = job.get("image").and_then(Value::as_str).unwrap_or_default();
        Self {
            image: image.to_owned(),
            credentials: job.get("repositoryCredentials").cloned(),
            log: job.get("logConfiguration").cloned(),
        }
    }

    /// A container beside the job's.
    pub(super) fn container(
        &self,
        name: &str,
        whose: &str,
        image: &TaskImage,
        essential: bool,
    ) -> Result<Fields> {
        let mut container = Fields::new();
        put(&mut container, "name", Some(name.into()));
        put(&mut container, "essential", Some(essential.into()));
        put(&mut container, "logConfiguration", self.log.clone());
        self.dress(&mut container, whose, image)?;
        Ok(container)
    }

    /// Gives a container its image, with what lets ECS pull it, and its user.
    pub(super) fn dress(
        &self,
        container: &mut Fields,
        whose: &str,
        image: &TaskImage,
    ) -> Result<()> {
        check_image(whose, &image.name)?;
        put(container, "image", Some(image.name.as_str().into()));
        put(container, "repositoryCredentials", self.credentials(image));
        // Whom the base's containers run as is the operator's word first.
        if let Some(user) = image.user.as_deref().filter(|_| !container.contains_key("user")) {
            put(container, "user", Some(user.into()));
        }
        Ok(())
    }

    /// What is said of the image, or what the base says where it is of the same registry:
    /// credentials go to whatever registry an image names.
    fn credentials(&self, image: &TaskImage) -> Option<Value> {
        match &image.pull_secret {
            Some(secret) => Some(json!({"credentialsParameter": secret})),
            None if registry(&image.name) == registry(&self.image) => self.credentials.clone(),
            None => None,
        }
    }
}

fn check_image(whose: &str, name: &str) -> Result<()> {
    let length = name.split('@').next().unwrap_or_default().chars().count();
    if length == 0 {
        return Err(wrong(format!("{whose} has no name"), "name an image"));
    }
    if length > MAX_IMAGE {
        return Err(wrong(
            format!("{whose} has a name of {length} characters; ECS takes {MAX_IMAGE}"),
            "use a shorter name, or a digest behind a shorter one",
        ));
    }
    Ok(())
}
