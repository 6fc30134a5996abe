//! Task definitions, as a test sees and changes them without the API.

use serde_json::Value;

use super::EcsDouble;
use crate::ecs::tags::Tags;

impl EcsDouble {
    /// Registers a revision from the fields of `RegisterTaskDefinition`, without tags; returns its
    /// `family:revision`.
    ///
    /// # Panics
    /// If ECS would refuse it.
    pub fn register(&self, definition: &Value) -> String {
        let mut memory = self.world.memory();
        let registered = memory.definitions.register(self.region(), definition, Tags::new());
        let registered = registered.unwrap_or_else(|error| panic!("{}", error.message));
        format!("{}:{}", registered["family"].as_str().unwrap_or_default(), registered["revision"])
    }

    /// The status of a `family:revision`, such as "ACTIVE".
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn definition_status(&self, name: &str) -> String {
        let memory = self.world.memory();
        let found = memory.definitions.find(name).unwrap_or_else(|| panic!("no {name}"));
        found["status"].as_str().unwrap_or_default().to_owned()
    }

    /// Sets a tag of a `family:revision`.
    ///
    /// # Panics
    /// If there is none.
    pub fn tag_definition(&self, name: &str, key: &str, value: &str) {
        let mut memory = self.world.memory();
        let tags = memory.definitions.tags_mut(name).unwrap_or_else(|| panic!("no {name}"));
        tags.insert(key.to_owned(), value.to_owned());
    }
}
