//! Containers beside the jobs' own.

use fargate_core::{Error, ErrorKind, Result};
use serde_json::{Value, json};

use crate::call::CREATE;
use crate::image::literal;
use crate::merge::lay_over;

/// Adds a container whose name nobody has yet.
///
/// # Errors
/// `InvalidConfig` when somebody has.
pub(super) fn add(pod: &mut Value, kind: &str, container: Value) -> Result<()> {
    let name = &container["name"];
    for kind in ["initContainers", "containers"] {
        let there = pod["spec"][kind].as_array().into_iter().flatten();
        if there.into_iter().any(|one| one["name"] == *name) {
            let name = name.as_str().unwrap_or_default();
            let what = format!("the pod would have two containers named {name}");
            return Err(refused(what, "rename the one in the pod template"));
        }
    }
    let all = &mut pod["spec"][kind];
    push(all, container);
    if let Some(inits) = all.as_array_mut().filter(|_| kind == "initContainers") {
        // The agent comes before whatever else is done before a job.
        inits.rotate_right(1);
    }
    Ok(())
}

/// Mounts a volume of the pod.
pub(super) fn mount(container: &mut Value, volume: &str, path: &str, read_only: bool) {
    let mut mount = json!({ "name": volume, "mountPath": path });
    if read_only {
        mount["readOnly"] = true.into();
    }
    push(&mut container["volumeMounts"], mount);
}

/// Sets variables, to these very values.
pub(super) fn variables<N: AsRef<str>, V: AsRef<str>>(
    container: &mut Value,
    variables: impl IntoIterator<Item = (N, V)>,
) {
    let variable =
        |(name, value): (N, V)| json!({ "name": name.as_ref(), "value": literal(value.as_ref()) });
    let all: Vec<Value> = variables.into_iter().map(variable).collect();
    lay_over(container, json!({ "env": all }));
}

/// Appends to a list, which is made where there is none.
pub(super) fn push(list: &mut Value, item: Value) {
    match list {
        Value::Array(list) => list.push(item),
        other => *other = json!([item]),
    }
}

pub(super) fn refused(what: String, hint: &str) -> Error {
    Error::new(ErrorKind::InvalidConfig, CREATE.op, what).hint(hint.to_owned())
}
