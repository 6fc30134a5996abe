//! The operator's pod template.

use std::path::Path;

use fargate_core::{Error, ErrorKind, Result};
use serde_json::{Value, json};

use crate::pod::CONTAINER;

const OP: &str = "read the pod template";

/// What a pod is without a template.
pub(crate) fn empty() -> Value {
    json!({ "metadata": {}, "spec": { "containers": [{ "name": CONTAINER }] } })
}

/// Reads the template at `path`: a `Pod` in YAML.
pub(crate) async fn read(path: &Path) -> Result<Value> {
    let text = tokio::fs::read_to_string(path).await.map_err(|error| {
        wrong(format!("{}: {error}", path.display()))
            .hint("let the driver's user read the file, or leave PodTemplate out")
    });
    parse(&text?).map_err(|error| error.with("file", path.display().to_string()))
}

fn parse(text: &str) -> Result<Value> {
    let mut pod: Value = serde_saphyr::from_str(text).map_err(|error| no_yaml(&error))?;
    let kind = pod["kind"].as_str().unwrap_or("nothing");
    if kind != "Pod" {
        return Err(wrong(format!("it describes {kind}, not a Pod"))
            .hint("the template begins with apiVersion: v1 and kind: Pod"));
    }
    for part in ["metadata", "spec"] {
        match &pod[part] {
            Value::Null => pod[part] = json!({}),
            Value::Object(_) => {}
            _ => return Err(wrong(format!("its {part} is not a map"))),
        }
    }
    check_containers(&mut pod)?;
    // The name is the task's, and the status the cluster's.
    if let Some(metadata) = pod["metadata"].as_object_mut() {
        for field in ["name", "generateName", "namespace", "uid", "resourceVersion"] {
            metadata.remove(field);
        }
    }
    if let Some(fields) = pod.as_object_mut() {
        fields.remove("status");
    }
    Ok(pod)
}

fn no_yaml(error: &serde_saphyr::Error) -> Error {
    let text = error.to_string();
    if text.contains("multiple YAML documents") {
        return wrong("it has more than one document").hint("keep the Pod alone in the file");
    }
    // The rest repeats the line of the file.
    let first = text.lines().next().unwrap_or_default();
    wrong("it is no YAML")
        .hint("try it with kubectl apply --dry-run=client")
        .source(first.trim_start_matches("error: "))
}

/// Adds the jobs' container to a template without any.
fn check_containers(pod: &mut Value) -> Result<()> {
    let containers = &mut pod["spec"]["containers"];
    let names: Vec<&str> = match containers.as_array() {
        Some(list) => list.iter().map(|one| one["name"].as_str().unwrap_or("?")).collect(),
        None if containers.is_null() => Vec::new(),
        None => return Err(wrong("its spec.containers is not a list")),
    };
    if names.contains(&CONTAINER) {
        return Ok(());
    }
    if names.is_empty() {
        *containers = json!([{ "name": CONTAINER }]);
        return Ok(());
    }
    Err(wrong(format!("its containers are {}, and none is {CONTAINER}", names.join(", "))).hint(
        format!("name the container that runs the jobs {CONTAINER}; the image is set over it"),
    ))
}

fn wrong(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidConfig, OP, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_keeps_all_but_what_is_the_tasks() {
        let pod = parse(
            "apiVersion: v1\nkind: Pod\nmetadata:\n  name: x\n  labels: {team: a}\nspec:\n  \
             securityContext:\n    runAsUser: 1000\n  containers:\n  - name: sidecar\n  \
             - name: ci-coordinator\n    env:\n    - {name: A, value: \"1\"}\nstatus: {}\n",
        )
        .unwrap();
        assert_eq!(pod["metadata"], json!({"labels": {"team": "a"}}));
        assert_eq!(pod["spec"]["securityContext"]["runAsUser"], 1000);
        assert_eq!(pod["spec"]["containers"][1]["env"][0]["value"], "1");
        assert_eq!(pod.get("status"), None);
    }

    #[test]
    fn a_template_without_containers_gets_ours() {
        for text in ["kind: Pod", "kind: Pod\nspec:", "kind: Pod\nspec: {containers: []}"] {
            let pod = parse(text).unwrap();
            assert_eq!(pod["spec"]["containers"][0]["name"], CONTAINER, "{text}");
        }
    }

    #[test]
    fn what_is_no_template_is_named() {
        for (text, word) in [
            ("kind: Pod\n  bad: [", "YAML"),
            ("kind: Pod\n---\nkind: Pod", "more than one document"),
            ("kind: Deployment", "Deployment"),
            ("just words", "nothing"),
            ("", "nothing"),
            ("- kind: Pod", "nothing"),
            ("kind: Pod\nspec: 7", "not a map"),
            ("kind: Pod\nspec: {containers: 7}", "not a list"),
            ("kind: Pod\nspec: {containers: [{name: build}]}", "build, and none"),
        ] {
            let error = parse(text).expect_err(word);
            assert_eq!(error.kind(), ErrorKind::InvalidConfig, "{text}");
            assert!(error.message().contains(word), "{text}: {error}");
        }
    }

    #[tokio::test]
    async fn a_missing_file_is_named() {
        let error = read(Path::new("/nowhere/pod.yaml")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
        assert!(error.message().contains("/nowhere/pod.yaml"), "{error}");
    }
}
