//! The operator's pod template.

use std::io::Write;

use fargate_backend_eks::EksLauncher;
use fargate_core::{ErrorKind, TaskLauncher};
use serde_json::json;

use crate::bench::{api_double, config_for, launcher_with, name, spec};

fn template(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(text.as_bytes()).expect("writes");
    file
}

#[tokio::test]
async fn the_template_is_under_the_settings() {
    let double = api_double().await;
    let file = template(
        "apiVersion: v1\n\
         kind: Pod\n\
         metadata:\n  labels: {team: build}\n\
         spec:\n  \
           restartPolicy: Always\n  \
           securityContext: {runAsUser: 1000}\n  \
           containers:\n  \
           - name: ci-coordinator\n    \
             env: [{name: LANG, value: C.UTF-8}]\n  \
           - {name: proxy, image: 'proxy:1', resources: {requests: {cpu: 500m}}}\n",
    );
    let mut config = config_for(&double);
    config.pod_template = Some(file.path().to_owned());
    config.cpu = Some("500m".to_owned());
    config.memory = Some("1Gi".to_owned());
    let launcher = launcher_with(config).await;
    assert_eq!(launcher.billed_size().unwrap().to_string(), "1 vCPU and 2 GB");
    let task = launcher.launch(&spec()).await.unwrap();
    let pod = double.pod(&name(&task));
    assert_eq!(pod.labels["team"], "build");
    let spec = &pod.json["spec"];
    assert_eq!(spec["restartPolicy"], "Never");
    assert_eq!(spec["securityContext"], json!({"runAsUser": 1000}));
    assert_eq!(spec["containers"][0]["env"][0]["name"], "LANG");
    assert_eq!(spec["containers"][0]["env"][1]["name"], "SSH_PUBLIC_KEY");
    assert_eq!(spec["containers"][1]["name"], "proxy");
}

#[tokio::test]
async fn a_template_that_cannot_be_used_is_told_before_anything_is_sent() {
    let double = api_double().await;
    let file = template("kind: Pod\nspec: {containers: [{name: build}]}\n");
    let mut config = config_for(&double);
    config.pod_template = Some(file.path().to_owned());
    let error = EksLauncher::connect(config).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
    assert_eq!(error.context_value("file"), Some(file.path().display().to_string().as_str()));
    assert!(error.advice().is_some_and(|hint| hint.contains("ci-coordinator")), "{error:?}");
    assert_eq!(double.calls().len(), 0);
}
