use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::TaskImage;

/// A container that runs beside a task's own, such as a database, and shares its network.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TaskService {
    /// Names the container: 1 to 50 characters out of `a-z`, `0-9` and inner `-`, another one for
    /// each service of a task.
    pub name: String,
    /// What it runs. Its entry point is the image's own where this says none.
    pub image: TaskImage,
    /// What is passed to the entry point instead of the image's own command; empty leaves that.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
    /// The host names the task's containers know it by. All of them mean the task itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// Its environment, over the image's. It may hold secrets.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, String>,
    /// The TCP port that accepts connections once it is up; `None` if nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
}

/// Without the values of its variables.
impl fmt::Debug for TaskService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, image, command, aliases, variables, port } = self;
        f.debug_struct("TaskService")
            .field("name", name)
            .field("image", image)
            .field("command", command)
            .field("aliases", aliases)
            .field("variables", &variables.keys())
            .field("port", port)
            .finish()
    }
}

impl TaskService {
    /// A service that runs `image` as it is.
    pub fn new(name: impl Into<String>, image: TaskImage) -> Self {
        Self {
            name: name.into(),
            image,
            command: Vec::new(),
            aliases: Vec::new(),
            variables: BTreeMap::new(),
            port: None,
        }
    }

    /// Passes these words to the entry point.
    #[must_use]
    pub fn command<T: Into<String>>(mut self, words: impl IntoIterator<Item = T>) -> Self {
        self.command = words.into_iter().map(Into::into).collect();
        self
    }

    /// Adds a host name.
    #[must_use]
    pub fn alias(mut self, name: impl Into<String>) -> Self {
        self.aliases.push(name.into());
        self
    }

    /// Adds a variable.
    #[must_use]
    pub fn variable(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.variables.insert(name.into(), value.into());
        self
    }

    /// Says which port shows that it is up.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_values_of_variables_are_not_shown() {
        let service = TaskService::new("db", TaskImage::new("postgres:16"))
            .variable("POSTGRES_PASSWORD", "hunter2");
        let shown = format!("{service:?}");
        assert!(shown.contains("POSTGRES_PASSWORD") && !shown.contains("hunter2"), "{shown}");
    }
}
