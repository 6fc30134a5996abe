//! The objects, and everything that ever happened to them.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde_json::{Value, json};
use tokio::sync::watch;

use super::refusal::Refusal;
use crate::random;

/// What kinds of objects there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Resource {
    Pods,
    Events,
    ConfigMaps,
    Namespaces,
}

impl Resource {
    pub(super) const ALL: [Self; 4] =
        [Self::Pods, Self::Events, Self::ConfigMaps, Self::Namespaces];

    /// The name in paths and messages.
    pub(super) fn plural(self) -> &'static str {
        match self {
            Self::Pods => "pods",
            Self::Events => "events",
            Self::ConfigMaps => "configmaps",
            Self::Namespaces => "namespaces",
        }
    }

    pub(super) fn kind(self) -> &'static str {
        match self {
            Self::Pods => "Pod",
            Self::Events => "Event",
            Self::ConfigMaps => "ConfigMap",
            Self::Namespaces => "Namespace",
        }
    }
}

/// Where an object is: its kind, its namespace (empty for a namespace itself), its name.
pub(super) type Key = (Resource, String, String);

/// One change of one object.
#[derive(Debug, Clone)]
pub(super) struct Change {
    pub(super) version: u64,
    pub(super) resource: Resource,
    pub(super) before: Option<Value>,
    /// The last state, with `deleted`.
    pub(super) after: Value,
    pub(super) deleted: bool,
}

/// All objects, under one count of versions.
#[derive(Debug)]
pub(super) struct Store {
    objects: BTreeMap<Key, Value>,
    history: Vec<Change>,
    /// Changes up to this one are forgotten.
    oldest: u64,
    /// The newest version. Who watches waits for it to change.
    newest: watch::Sender<u64>,
}

/// Where versions begin. Not at 1: clients must not take them for counts.
const FIRST: u64 = 4_200;

impl Default for Store {
    fn default() -> Self {
        Self {
            objects: BTreeMap::new(),
            history: Vec::new(),
            oldest: FIRST,
            newest: watch::Sender::new(FIRST),
        }
    }
}

impl Store {
    pub(super) fn version(&self) -> u64 {
        *self.newest.borrow()
    }

    pub(super) fn versions(&self) -> watch::Receiver<u64> {
        self.newest.subscribe()
    }

    pub(super) fn get(&self, key: &Key) -> Option<&Value> {
        self.objects.get(key)
    }

    /// The objects of a kind in the order of their names; of one namespace or all.
    pub(super) fn list(&self, resource: Resource, namespace: Option<&str>) -> Vec<&Value> {
        self.objects
            .iter()
            .filter(|((kind, place, _), _)| {
                *kind == resource && namespace.is_none_or(|wanted| wanted == place)
            })
            .map(|(_, object)| object)
            .collect()
    }

    /// Adds an object with the metadata a server gives.
    pub(super) fn create(&mut self, key: Key, mut object: Value) -> Result<Value, Refusal> {
        if self.objects.contains_key(&key) {
            return Err(Refusal::already_exists(key.0.plural(), &key.2));
        }
        object["apiVersion"] = "v1".into();
        object["kind"] = key.0.kind().into();
        let metadata = &mut object["metadata"];
        metadata["name"] = key.2.as_str().into();
        if !key.1.is_empty() {
            metadata["namespace"] = key.1.as_str().into();
        }
        metadata["uid"] = random::uuid().into();
        metadata["creationTimestamp"] = now().into();
        Ok(self.put(key, object))
    }

    /// Writes a new state; an equal one is no change.
    pub(super) fn put(&mut self, key: Key, mut object: Value) -> Value {
        let before = self.objects.get(&key).cloned();
        if before.as_ref() == Some(&object) {
            return object;
        }
        let version = self.version() + 1;
        object["metadata"]["resourceVersion"] = version.to_string().into();
        let resource = key.0;
        self.objects.insert(key, object.clone());
        let after = object.clone();
        self.note(Change { version, resource, before, after, deleted: false });
        object
    }

    /// Takes an object away; returns its last state.
    pub(super) fn remove(&mut self, key: &Key) -> Option<Value> {
        let before = self.objects.remove(key)?;
        let version = self.version() + 1;
        let mut after = before.clone();
        after["metadata"]["resourceVersion"] = version.to_string().into();
        self.note(Change {
            version,
            resource: key.0,
            before: Some(before),
            after: after.clone(),
            deleted: true,
        });
        Some(after)
    }

    fn note(&mut self, change: Change) {
        let version = change.version;
        self.history.push(change);
        self.newest.send_replace(version);
    }

    /// The changes after `version`, oldest first.
    pub(super) fn since(&self, version: u64) -> Result<Vec<Change>, Refusal> {
        if version < self.oldest {
            return Err(Refusal::expired(version, self.oldest));
        }
        let first = self.history.partition_point(|change| change.version <= version);
        Ok(self.history[first..].to_vec())
    }

    /// Forgets what happened so far, as etcd does every few minutes.
    pub(super) fn compact(&mut self) {
        // One more version, so that even the newest one a client knows is too old.
        self.newest.send_modify(|version| *version += 1);
        self.oldest = self.version();
        self.history.clear();
    }
}

/// The key of an object.
pub(super) fn key_of(resource: Resource, object: &Value) -> Key {
    let field = |name: &str| object["metadata"][name].as_str().unwrap_or_default().to_owned();
    (resource, field("namespace"), field("name"))
}

/// Now, as Kubernetes writes it: whole seconds.
pub(super) fn now() -> String {
    humantime::format_rfc3339_seconds(SystemTime::now()).to_string()
}

/// The list object of `resource`.
pub(super) fn list_of(resource: Resource, items: &[Value], metadata: &Value) -> Value {
    json!({
        "kind": format!("{}List", resource.kind()), "apiVersion": "v1",
        "metadata": metadata, "items": items,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> Key {
        (Resource::Pods, "ci".to_owned(), name.to_owned())
    }

    #[test]
    fn every_change_has_a_version_of_its_own() {
        let mut store = Store::default();
        let start = store.version();
        let made = store.create(key("a"), json!({})).unwrap();
        assert_eq!(made["metadata"]["namespace"], "ci");
        assert_eq!(store.create(key("a"), json!({})).unwrap_err().reason, "AlreadyExists");
        let mut changed = made.clone();
        changed["metadata"]["labels"] = json!({"x": "y"});
        let changed = store.put(key("a"), changed);
        assert_ne!(changed["metadata"]["resourceVersion"], made["metadata"]["resourceVersion"]);
        store.put(key("a"), changed);
        store.remove(&key("a")).unwrap();
        let kinds: Vec<(bool, bool)> = store
            .since(start)
            .unwrap()
            .iter()
            .map(|change| (change.before.is_some(), change.deleted))
            .collect();
        assert_eq!(kinds, [(false, false), (true, false), (true, true)]);
    }

    #[test]
    fn what_is_compacted_is_expired() {
        let mut store = Store::default();
        store.create(key("a"), json!({})).unwrap();
        let known = store.version();
        assert_eq!(store.since(known).unwrap().len(), 0);
        store.compact();
        assert_eq!(store.since(known).unwrap_err().code, 410);
        assert_eq!(store.since(store.version()).unwrap().len(), 0);
    }
}
