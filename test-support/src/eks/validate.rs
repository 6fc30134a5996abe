//! Refuses pods that an API server would refuse.

use std::collections::BTreeSet;

use serde_json::Value;

use super::refusal::{Cause, Refusal};
use super::size::quantity;
use crate::json::list;

/// Checks a pod of that name; `Err` lists every field that is wrong.
pub(super) fn pod(name: &str, pod: &Value) -> Result<(), Refusal> {
    let mut causes = Vec::new();
    check_name(name, "metadata.name", &mut causes);
    labels(&pod["metadata"]["labels"], &mut causes);
    annotations(&pod["metadata"]["annotations"], &mut causes);
    let spec = &pod["spec"];
    containers(spec, &mut causes);
    host_aliases(spec, &mut causes);
    if let Some(policy) = spec["restartPolicy"].as_str()
        && !["Always", "OnFailure", "Never"].contains(&policy)
    {
        let known = "\"Always\", \"OnFailure\", \"Never\"";
        causes.push(Cause::unsupported("spec.restartPolicy", policy, known));
    }
    let deadline = &spec["activeDeadlineSeconds"];
    if !deadline.is_null() && !deadline.as_i64().is_some_and(|s| (1..=2_147_483_647).contains(&s)) {
        let why = "must be between 1 and 2147483647, inclusive";
        causes.push(Cause::invalid("spec.activeDeadlineSeconds", &deadline.to_string(), why));
    }
    let grace = &spec["terminationGracePeriodSeconds"];
    if !grace.is_null() && grace.as_i64().is_none_or(|seconds| seconds < 0) {
        let why = "must be greater than or equal to 0";
        causes.push(Cause::invalid("spec.terminationGracePeriodSeconds", &grace.to_string(), why));
    }
    if causes.is_empty() { Ok(()) } else { Err(Refusal::invalid("Pod", name, &causes)) }
}

/// A name must be a DNS label. A real server takes subdomains of 253 characters too, but what is
/// longer than a label is no host name, and is cut or warned about in many places.
pub(super) fn check_name(name: &str, field: &str, causes: &mut Vec<Cause>) {
    if name.is_empty() {
        causes.push(Cause::required(field, "name or generateName is required"));
    } else if name.len() > 63 {
        causes.push(Cause::invalid(field, name, "must be no more than 63 characters"));
    } else if !is_label(name) {
        causes.push(Cause::invalid(
            field,
            name,
            "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or \
             '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or \
             '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
        ));
    }
}

fn is_label(name: &str) -> bool {
    let letter = |char: char| char.is_ascii_lowercase() || char.is_ascii_digit();
    name.len() <= 63
        && name.chars().all(|char| letter(char) || char == '-')
        && name.starts_with(letter)
        && name.ends_with(letter)
}

/// Letters, digits, and in between `-`, `_` and `.`; 63 at most.
fn is_label_value(value: &str) -> bool {
    let letter = |char: char| char.is_ascii_alphanumeric();
    value.is_empty()
        || value.len() <= 63
            && value.chars().all(|char| letter(char) || "-_.".contains(char))
            && value.starts_with(letter)
            && value.ends_with(letter)
}

fn is_qualified_name(name: &str) -> bool {
    let (prefix, name) = match name.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, name),
    };
    let prefix_ok =
        prefix.is_none_or(|prefix| prefix.len() <= 253 && prefix.split('.').all(is_label));
    prefix_ok && !name.is_empty() && is_label_value(name)
}

fn labels(labels: &Value, causes: &mut Vec<Cause>) {
    for (name, value) in labels.as_object().into_iter().flatten() {
        if !is_qualified_name(name) {
            let why = "name part must consist of alphanumeric characters, '-', '_' or '.', and \
                       must start and end with an alphanumeric character";
            causes.push(Cause::invalid("metadata.labels", name, why));
        }
        let value = value.as_str().unwrap_or_default();
        if value.len() > 63 {
            let why = "must be no more than 63 characters";
            causes.push(Cause::invalid("metadata.labels", value, why));
        } else if !is_label_value(value) {
            let why = "a valid label must be an empty string or consist of alphanumeric \
                       characters, '-', '_' or '.', and must start and end with an alphanumeric \
                       character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for \
                       validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
            causes.push(Cause::invalid("metadata.labels", value, why));
        }
    }
}

fn annotations(annotations: &Value, causes: &mut Vec<Cause>) {
    let mut size = 0;
    for (name, value) in annotations.as_object().into_iter().flatten() {
        size += name.len() + value.as_str().unwrap_or_default().len();
        if !is_qualified_name(&name.to_ascii_lowercase()) {
            let why = "name part must consist of alphanumeric characters, '-', '_' or '.', and \
                       must start and end with an alphanumeric character";
            causes.push(Cause::invalid("metadata.annotations", name, why));
        }
    }
    if size > 256 * 1024 {
        causes.push(Cause {
            field: "metadata.annotations".to_owned(),
            reason: "FieldValueTooLong",
            message: "Too long: may not be more than 262144 bytes".to_owned(),
        });
    }
}

fn containers(spec: &Value, causes: &mut Vec<Cause>) {
    if list(spec, "containers").is_empty() {
        causes.push(Cause::required("spec.containers", ""));
    }
    let mut names = BTreeSet::new();
    for kind in ["initContainers", "containers"] {
        for (index, one) in list(spec, kind).iter().enumerate() {
            let place = format!("spec.{kind}[{index}]");
            container(spec, one, &place, &mut names, causes);
        }
    }
}

fn container<'a>(
    spec: &Value,
    container: &'a Value,
    place: &str,
    names: &mut BTreeSet<&'a str>,
    causes: &mut Vec<Cause>,
) {
    let field = |name: &str| format!("{place}.{name}");
    let name = container["name"].as_str().unwrap_or_default();
    if name.is_empty() {
        causes.push(Cause::required(field("name"), ""));
    } else if !is_label(name) {
        causes.push(Cause::invalid(field("name"), name, "must be a lowercase RFC 1123 label"));
    } else if !names.insert(name) {
        causes.push(Cause::duplicate(field("name"), name));
    }
    if container["image"].as_str().unwrap_or_default().is_empty() {
        causes.push(Cause::required(field("image"), ""));
    }
    for (number, variable) in list(container, "env").iter().enumerate() {
        let name = variable["name"].as_str().unwrap_or_default();
        let field = field(&format!("env[{number}].name"));
        if name.is_empty() {
            causes.push(Cause::required(field, ""));
        } else if name.contains('=') || !name.chars().all(|char| (' '..='~').contains(&char)) {
            let why = "a valid environment variable name must consist only of printable ASCII \
                       characters other than '='";
            causes.push(Cause::invalid(field, name, why));
        }
    }
    let mut places = BTreeSet::new();
    for (number, mount) in list(container, "volumeMounts").iter().enumerate() {
        let field = |name: &str| field(&format!("volumeMounts[{number}].{name}"));
        let (name, path) = (&mount["name"], mount["mountPath"].as_str().unwrap_or_default());
        if !list(spec, "volumes").iter().any(|volume| volume["name"] == *name) {
            causes.push(Cause::not_found(field("name"), name.as_str().unwrap_or_default()));
        }
        if path.is_empty() {
            causes.push(Cause::required(field("mountPath"), ""));
        } else if !places.insert(path) {
            causes.push(Cause::invalid(field("mountPath"), path, "must be unique"));
        }
    }
    resources(&container["resources"], &field("resources"), causes);
}

fn host_aliases(spec: &Value, causes: &mut Vec<Cause>) {
    for (index, alias) in list(spec, "hostAliases").iter().enumerate() {
        for (number, name) in list(alias, "hostnames").iter().enumerate() {
            let name = name.as_str().unwrap_or_default();
            if name.len() > 253 || !name.split('.').all(is_label) {
                let field = format!("spec.hostAliases[{index}].hostnames[{number}]");
                causes.push(Cause::invalid(field, name, "a lowercase RFC 1123 subdomain"));
            }
        }
    }
}

fn resources(resources: &Value, field: &str, causes: &mut Vec<Cause>) {
    let amount = |kind: &str, name: &str| resources[kind][name].as_str().and_then(quantity);
    for kind in ["requests", "limits"] {
        for (name, value) in resources[kind].as_object().into_iter().flatten() {
            if amount(kind, name).is_none() {
                let why = "quantities must match the regular expression \
                           '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
                let said = value.as_str().unwrap_or_default();
                causes.push(Cause::invalid(format!("{field}.{kind}[{name}]"), said, why));
            }
        }
    }
    for (name, value) in resources["requests"].as_object().into_iter().flatten() {
        if let (Some(request), Some(limit)) = (amount("requests", name), amount("limits", name))
            && request > limit
        {
            let why = format!("must be less than or equal to {name} limit");
            let said = value.as_str().unwrap_or_default();
            causes.push(Cause::invalid(format!("{field}.requests"), said, &why));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn good() -> Value {
        json!({"spec": {"containers": [{"name": "a", "image": "i"}]}})
    }

    #[test]
    fn names_are_labels() {
        for name in ["a", "0a-b", &"x".repeat(63)] {
            assert_eq!(pod(name, &good()), Ok(()), "{name}");
        }
        for name in ["", "A", "-a", "a-", "a.b", "a_b", &"x".repeat(64)] {
            let refused = pod(name, &good()).unwrap_err();
            assert_eq!((refused.code, refused.reason.as_str()), (422, "Invalid"), "{name}");
            assert!(refused.message.contains("metadata.name"), "{}", refused.message);
        }
    }

    #[test]
    fn every_wrong_field_is_named() {
        let wrong = [
            ("/metadata/labels", json!({"owner": "a b"}), "metadata.labels"),
            ("/metadata/labels", json!({"owner": "x".repeat(64)}), "63 characters"),
            ("/metadata/labels", json!({"a/b/c": "x"}), "metadata.labels"),
            ("/metadata/annotations", json!({"a b": "x"}), "metadata.annotations"),
            ("/metadata/annotations", json!({"a": "x".repeat(300_000)}), "Too long"),
            ("/spec/containers", json!([]), "spec.containers: Required value"),
            ("/spec/containers/0/name", json!("a b"), "spec.containers[0].name"),
            ("/spec/containers/0/image", json!(""), "spec.containers[0].image"),
            ("/spec/containers/0/env", json!([{"name": "A=B"}]), "env[0].name"),
            ("/spec/containers/0/resources", json!({"limits": {"cpu": "lots"}}), "limits[cpu]"),
            (
                "/spec/containers/0/resources",
                json!({"limits": {"cpu": "1"}, "requests": {"cpu": "1500m"}}),
                "less than or equal to cpu limit",
            ),
            ("/spec/initContainers", json!([{"name": "a", "image": "i"}]), "containers[0].name"),
            (
                "/spec/containers/0/volumeMounts",
                json!([{"name": "unknown", "mountPath": "/a"}]),
                "volumeMounts[0].name: Not found: \"unknown\"",
            ),
            (
                "/spec/containers/0/volumeMounts",
                json!([{"name": "v", "mountPath": "/a"}, {"name": "v", "mountPath": "/a"}]),
                "volumeMounts[1].mountPath",
            ),
            (
                "/spec/hostAliases",
                json!([{"ip": "127.0.0.1", "hostnames": ["my_db"]}]),
                "spec.hostAliases[0].hostnames[0]",
            ),
            ("/spec/restartPolicy", json!("Sometimes"), "spec.restartPolicy"),
            ("/spec/activeDeadlineSeconds", json!(0), "spec.activeDeadlineSeconds"),
            ("/spec/terminationGracePeriodSeconds", json!(-1), "GracePeriodSeconds"),
        ];
        for (path, value, said) in wrong {
            let mut object = json!({
                "metadata": {"labels": {}, "annotations": {}},
                "spec": {
                    "containers": [{"name": "a", "image": "i", "env": [], "resources": {},
                                    "volumeMounts": []}],
                    "initContainers": [], "volumes": [{"name": "v", "emptyDir": {}}],
                    "hostAliases": [],
                    "restartPolicy": "Never", "activeDeadlineSeconds": 1,
                    "terminationGracePeriodSeconds": 0,
                },
            });
            assert_eq!(pod("a", &object), Ok(()));
            *object.pointer_mut(path).unwrap() = value;
            let refused = pod("a", &object).unwrap_err();
            assert!(refused.message.contains(said), "{said}: {}", refused.message);
        }
    }
}
