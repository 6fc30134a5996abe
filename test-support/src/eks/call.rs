//! One call, as it was understood.

use std::collections::BTreeMap;

use hyper::Method;
use hyper::http::request::Parts;
use serde_json::Value;

use super::refusal::Refusal;
use super::store::Resource;

/// What a call is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    Version,
    Objects { resource: Resource, namespace: Option<String>, name: Option<String> },
    Stream { stream: Stream, namespace: String, name: String },
    Log { namespace: String, name: String },
    Clusters { name: Option<String> },
    Profiles { cluster: String, name: Option<String> },
}

/// What of a pod a WebSocket leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stream {
    Exec,
    PortForward,
}

impl Stream {
    /// The subresource's name in roles and faults.
    pub(super) fn resource(self) -> &'static str {
        match self {
            Self::Exec => "pods/exec",
            Self::PortForward => "pods/portforward",
        }
    }
}

/// One call.
#[derive(Debug, Clone)]
pub(super) struct Call {
    /// As a role would name it: create, get, list, watch, delete, deletecollection,
    /// patch, update.
    pub(super) verb: &'static str,
    pub(super) target: Target,
    /// Of a field that is there more than once, the last.
    pub(super) query: BTreeMap<String, String>,
    /// Every field in its order.
    fields: Vec<(String, String)>,
    pub(super) content_type: String,
    /// `Null` without one.
    pub(super) body: Value,
}

/// Every verb and resource the double knows.
pub(super) const CALLS: [(&str, &str); 30] = [
    ("get", "version"),
    ("create", "pods"),
    ("get", "pods"),
    ("list", "pods"),
    ("watch", "pods"),
    ("patch", "pods"),
    ("update", "pods"),
    ("delete", "pods"),
    ("deletecollection", "pods"),
    ("get", "pods/exec"),
    ("create", "pods/exec"),
    ("get", "pods/portforward"),
    ("create", "pods/portforward"),
    ("get", "pods/log"),
    ("create", "configmaps"),
    ("get", "configmaps"),
    ("list", "configmaps"),
    ("watch", "configmaps"),
    ("patch", "configmaps"),
    ("update", "configmaps"),
    ("delete", "configmaps"),
    ("deletecollection", "configmaps"),
    ("get", "events"),
    ("list", "events"),
    ("watch", "events"),
    ("get", "namespaces"),
    ("list", "namespaces"),
    ("get", "clusters"),
    ("list", "fargate-profiles"),
    ("get", "fargate-profiles"),
];

impl Call {
    pub(super) fn read(parts: &Parts, body: &[u8]) -> Result<Self, Refusal> {
        let fields: Vec<(String, String)> =
            form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes())
                .map(|(name, value)| (name.into_owned(), value.into_owned()))
                .collect();
        let query: BTreeMap<String, String> = fields.iter().cloned().collect();
        let target = target(parts.uri.path()).ok_or_else(Refusal::no_such_path)?;
        let named = match &target {
            Target::Version | Target::Stream { .. } | Target::Log { .. } => true,
            Target::Objects { name, .. }
            | Target::Clusters { name }
            | Target::Profiles { name, .. } => name.is_some(),
        };
        let watches = query.get("watch").is_some_and(|value| value == "true" || value == "1");
        let connects = matches!(target, Target::Stream { .. });
        let verb = match (&parts.method, named) {
            // A WebSocket begins with GET, SPDY with POST.
            (&Method::POST, true) if connects => "create",
            (&Method::GET, true) => "get",
            (&Method::GET, false) if watches => "watch",
            (&Method::GET, false) => "list",
            (&Method::POST, false) => "create",
            (&Method::DELETE, true) => "delete",
            (&Method::DELETE, false) => "deletecollection",
            (&Method::PATCH, true) => "patch",
            (&Method::PUT, true) => "update",
            _ => return Err(not_allowed()),
        };
        let content_type = parts.headers.get("content-type").and_then(|value| value.to_str().ok());
        let body = if body.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(body).map_err(|error| {
                Refusal::bad_request(format!("the object provided is unrecognized: {error}"))
            })?
        };
        let content_type = content_type.unwrap_or_default().to_owned();
        let call = Self { verb, target, query, fields, content_type, body };
        if CALLS.contains(&(verb, call.resource())) { Ok(call) } else { Err(not_allowed()) }
    }

    /// The resource's name in roles and faults.
    pub(super) fn resource(&self) -> &'static str {
        match &self.target {
            Target::Version => "version",
            Target::Objects { resource, .. } => resource.plural(),
            Target::Stream { stream, .. } => stream.resource(),
            Target::Log { .. } => "pods/log",
            Target::Clusters { .. } => "clusters",
            Target::Profiles { .. } => "fargate-profiles",
        }
    }

    /// Whether it is for the EKS service instead of the cluster.
    pub(super) fn is_for_aws(&self) -> bool {
        matches!(self.target, Target::Clusters { .. } | Target::Profiles { .. })
    }

    pub(super) fn namespace(&self) -> &str {
        match &self.target {
            Target::Objects { namespace: Some(namespace), .. }
            | Target::Stream { namespace, .. }
            | Target::Log { namespace, .. } => namespace,
            _ => "",
        }
    }

    /// The name of the object it is about, if its path gives one.
    pub(super) fn object_name(&self) -> Option<&str> {
        match &self.target {
            Target::Objects { name, .. } => name.as_deref(),
            Target::Stream { name, .. } | Target::Log { name, .. } => Some(name),
            _ => None,
        }
    }

    /// Every value of a field of the query.
    pub(super) fn all(&self, name: &str) -> Vec<&str> {
        let mine = self.fields.iter().filter(|(have, _)| have == name);
        mine.map(|(_, value)| value.as_str()).collect()
    }

    /// A number of the query.
    pub(super) fn number(&self, name: &str) -> Result<Option<u64>, Refusal> {
        let Some(text) = self.query.get(name).filter(|text| !text.is_empty()) else {
            return Ok(None);
        };
        let number = text.parse().map_err(|error| {
            Refusal::bad_request(format!("strconv: parsing {name} {text:?}: {error}"))
        })?;
        Ok(Some(number))
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        self.query.get(name).is_some_and(|value| value == "true" || value == "1")
    }
}

fn not_allowed() -> Refusal {
    let message = "the server does not allow this method on the requested resource";
    Refusal::new(405, "MethodNotAllowed", message)
}

fn target(path: &str) -> Option<Target> {
    let decoded = |part: &str| {
        // A form decodes percent signs too; names have no plus sign.
        let form = format!("x={part}");
        form_urlencoded::parse(form.as_bytes()).next().map(|(_, value)| value.into_owned())
    };
    let parts: Vec<String> =
        path.split('/').filter(|part| !part.is_empty()).filter_map(decoded).collect();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let resource = |plural: &str| Resource::ALL.into_iter().find(|one| one.plural() == plural);
    let owned = |text: &&str| (*text).to_owned();
    Some(match parts.as_slice() {
        ["version"] => Target::Version,
        ["clusters"] => Target::Clusters { name: None },
        ["clusters", name] => Target::Clusters { name: Some(owned(name)) },
        ["clusters", cluster, "fargate-profiles", rest @ ..] if rest.len() < 2 => {
            Target::Profiles { cluster: owned(cluster), name: rest.first().map(owned) }
        }
        ["api", "v1", "namespaces", rest @ ..] if rest.len() < 2 => Target::Objects {
            resource: Resource::Namespaces,
            namespace: None,
            name: rest.first().map(owned),
        },
        ["api", "v1", "namespaces", namespace, plural, rest @ ..] if rest.len() < 2 => {
            Target::Objects {
                resource: resource(plural).filter(|one| *one != Resource::Namespaces)?,
                namespace: Some(owned(namespace)),
                name: rest.first().map(owned),
            }
        }
        ["api", "v1", "namespaces", namespace, "pods", name, "log"] => {
            Target::Log { namespace: owned(namespace), name: owned(name) }
        }
        ["api", "v1", "namespaces", namespace, "pods", name, subresource] => Target::Stream {
            stream: match *subresource {
                "exec" => Stream::Exec,
                "portforward" => Stream::PortForward,
                _ => return None,
            },
            namespace: owned(namespace),
            name: owned(name),
        },
        ["api", "v1", plural] => {
            Target::Objects { resource: resource(plural)?, namespace: None, name: None }
        }
        _ => return None,
    })
}
