//! Clusters reached by HTTPS, each with a certificate authority of its own.

use aws_config::SdkConfig;
use fargate_backend_eks::{ClusterAccess, EksConfig, EksLauncher};
use fargate_core::{Error, ErrorKind, Result, Retry, TaskLauncher};
use fargate_test_support::eks::{EksDouble, EksOptions, Https, TaskProgram};
use tokio::process::Command;

use crate::access::{by_name, sdk};
use crate::bench::{GRACE, config, config_for, spec};

async fn double(https: Https) -> EksDouble {
    let options = EksOptions { program: TaskProgram::None, https, ..EksOptions::default() };
    EksDouble::start(options).await
}

/// The ways to a cluster outside it, with who signs for them.
fn ways(double: &EksDouble) -> [(EksConfig, SdkConfig); 2] {
    let (_, secret) = double.credentials();
    let sdk = sdk(double, secret);
    [(config_for(double), sdk.clone()), (by_name(double, &double.options().cluster), sdk)]
}

/// Starts a pod, finds it and stops it.
async fn whole_life(launcher: &EksLauncher) -> Result<()> {
    let spec = spec();
    let task = launcher.launch(&spec).await?;
    assert_eq!(launcher.list(spec.owner.as_str()).await?.len(), 1);
    launcher.stop(&task, GRACE).await
}

#[tokio::test]
async fn the_authority_that_eks_or_the_kubeconfig_names_is_trusted() {
    let double = double(Https::On).await;
    for (config, sdk) in ways(&double) {
        let access = config.access.clone();
        let launcher = EksLauncher::with_sdk_config(config, sdk).await.unwrap();
        whole_life(&launcher).await.unwrap_or_else(|error| panic!("{access:?}: {error:?}"));
    }
}

#[tokio::test]
async fn another_authority_or_another_name_is_not_trusted_and_told_nothing() {
    for https in [Https::OtherAuthority, Https::OtherName] {
        let double = double(https).await;
        for (config, sdk) in ways(&double) {
            let launcher = EksLauncher::with_sdk_config(config, sdk).await.unwrap();
            let error = launcher.launch(&spec()).await.unwrap_err();
            is_untrusted(&error, "certificate authority in the kubeconfig");
        }
        // EKS itself is another service, over a connection of its own.
        let of_aws = ["get clusters", "get fargate-profiles", "list fargate-profiles"];
        assert_eq!(double.calls().keys().collect::<Vec<_>>(), of_aws, "{https:?}");
    }
}

#[tokio::test]
async fn an_eks_service_that_this_machine_does_not_trust_is_told_nothing() {
    let double = double(Https::On).await;
    let mut config = by_name(&double, &double.options().cluster);
    if let ClusterAccess::Cluster { endpoint_override, .. } = &mut config.access {
        *endpoint_override = Some(format!("https://{}", double.address()));
    }
    let (_, secret) = double.credentials();
    let error = EksLauncher::with_sdk_config(config, sdk(&double, secret)).await.unwrap_err();
    is_untrusted(&error, "proxy");
    assert!(double.calls().is_empty());
}

#[tokio::test]
async fn an_authority_that_is_no_certificate_is_found_before_any_call() {
    let double = double(Https::On).await;
    let path = double.kubeconfig();
    let text = std::fs::read_to_string(&path).unwrap();
    let (before, after) = text.split_once("authority-data: ").unwrap();
    let (_, after) = after.split_once('\n').unwrap();
    // "no certificate"
    let broken = format!("{before}authority-data: bm8gY2VydGlmaWNhdGU=\n{after}");
    std::fs::write(&path, broken).unwrap();
    let access = ClusterAccess::kubeconfig(&path);
    let error = EksLauncher::connect(config(access)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidConfig, "{error:?}");
    assert!(error.message().contains("certificate authority"), "{error:?}");
    assert!(error.advice().is_some_and(|hint| hint.contains("PEM")), "{error:?}");
    assert!(double.calls().is_empty());
}

/// What a driver in a pod does. It is started by the test after it, because only there are the
/// files of a pod.
#[tokio::test]
#[ignore = "needs the files of a pod: started by another test"]
async fn in_a_pod() {
    let launcher = EksLauncher::connect(config(ClusterAccess::InCluster)).await.unwrap();
    whole_life(&launcher).await.unwrap();
}

#[tokio::test]
async fn the_service_account_of_the_drivers_own_pod_is_a_way_in() {
    let double = double(Https::On).await;
    let files = tempfile::tempdir().unwrap();
    let token = double.token().to_owned();
    for (name, text) in
        [("token", token.as_str()), ("ca.crt", double.authority()), ("namespace", "ci")]
    {
        std::fs::write(files.path().join(name), text).unwrap();
    }
    // Its own view of the file system, so that this machine and the other tests see no pod.
    let script = "mount -t tmpfs tmpfs /var/run && mkdir -p /var/run/secrets/kubernetes.io && \
                  ln -s \"$1\" /var/run/secrets/kubernetes.io/serviceaccount && shift && exec \"$@\"";
    let address = double.address();
    let child = Command::new("unshare")
        .args(["--mount", "sh", "-c", script, "sh"])
        .arg(files.path())
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "tls::in_a_pod", "--ignored"])
        .env("KUBERNETES_SERVICE_HOST", address.ip().to_string())
        .env("KUBERNETES_SERVICE_PORT", address.port().to_string())
        .kill_on_drop(true)
        .output();
    let child = child.await.unwrap();
    let said = [child.stdout, child.stderr].concat();
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&said));
    assert_eq!(double.calls()["create pods"], 1);
}

fn is_untrusted(error: &Error, advice: &str) {
    assert_eq!(error.kind(), ErrorKind::Untrusted, "{error:?}");
    assert_eq!(error.kind().retry(), Retry::Never);
    assert!(error.message().contains("certificate"), "{error:?}");
    assert!(format!("{}", error.report()).contains("invalid peer certificate"), "{error:?}");
    assert!(error.advice().is_some_and(|hint| hint.contains(advice)), "{error:?}");
}
