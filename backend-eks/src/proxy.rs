//! No proxies: a cluster is reached as its settings say.

use fargate_core::{Error, ErrorKind};
use http::Uri;
use kube::Config;
use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};

/// No host at all (RFC 6761).
const NONE: &str = "none.invalid";

/// Reads the settings of `file`, with the proxy that it names itself and no other.
///
/// kube takes one from `HTTPS_PROXY`, too, which is for the way out of the network.
pub(crate) async fn load(
    mut file: Kubeconfig,
    options: &KubeConfigOptions,
) -> Result<Config, KubeconfigError> {
    for cluster in file.clusters.iter_mut().filter_map(|named| named.cluster.as_mut()) {
        if cluster.proxy_url.as_deref().unwrap_or_default().is_empty() {
            // kube reads the environment only where the file names none.
            cluster.proxy_url = Some(format!("http://{NONE}"));
        }
    }
    let mut config = Config::from_custom_kubeconfig(file, options).await?;
    if config.proxy_url.as_ref().is_some_and(|proxy| proxy.host() == Some(NONE)) {
        config.proxy_url = None;
        // A command that makes tokens is told of the cluster.
        let command = config.auth_info.exec.as_mut();
        if let Some(told) = command.and_then(|command| command.cluster.as_mut()) {
            told.proxy_url = None;
        }
    }
    Ok(config)
}

/// The refusal of a kubeconfig that names `proxy`, without the password in it.
pub(crate) fn refusal(op: &'static str, proxy: &Uri) -> Error {
    let host = proxy.host().unwrap_or("?");
    let place = proxy.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    Error::new(ErrorKind::Unsupported, op, "the kubeconfig names a proxy")
        .with("proxy", place)
        .hint("reach the cluster without one, or name the EKS cluster instead")
}
