//! From the settings to a client of the cluster.

use std::path::Path;

use fargate_aws_access::{AwsAccess, SdkConfig};
use fargate_core::{Error, ErrorKind, Result};
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use kube::Config;
use kube::client::{Body, ConfigExt};
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::json;
use tower::{BoxError, ServiceBuilder};

use crate::authorized::Authorize;
use crate::aws::{self, Whereabouts};
use crate::cluster::Cluster;
use crate::config::{ClusterAccess, EksConfig};
use crate::profile::Profiles;
use crate::proxy;
use crate::token::Tokens;

const OP: &str = "set up the cluster";

/// Makes the client that `config` asks for; `sdk` replaces AWS's default configuration. Beside it
/// the Fargate profiles, where EKS itself can be asked.
pub(crate) async fn open(
    config: &EksConfig,
    sdk: Option<SdkConfig>,
) -> Result<(Cluster, Option<Profiles>)> {
    let mut profiles = None;
    let (access, tokens) = match &config.access {
        ClusterAccess::Cluster { name, region, endpoint_override, assume_role } => {
            let pace = &config.pace;
            let mut aws = AwsAccess::new(pace.api_attempts, pace.api_first_pause, pace.api_timeout);
            aws.region.clone_from(region);
            aws.assume_role.clone_from(assume_role);
            let sdk = aws.open(sdk).await?;
            let place = aws::find(&sdk, name, endpoint_override.as_deref()).await;
            let place = place.map_err(|error| match assume_role {
                Some(role) if error.context_value("role").is_none() => {
                    error.with("role", &role.arn)
                }
                _ => error,
            })?;
            let eks = aws::client(&sdk, endpoint_override.as_deref());
            profiles = Some(Profiles::new(eks, name, config.pace.api_timeout));
            let region = sdk.region().map(ToString::to_string).unwrap_or_default();
            let tokens = Tokens::new(name, &region, aws.credentials(&sdk));
            (of_eks(&place).await?, Some(tokens))
        }
        ClusterAccess::Kubeconfig { path, context } => {
            (of_file(path.as_deref(), context.as_deref()).await?, None)
        }
        ClusterAccess::InCluster => (of_pod()?, None),
    };
    let server = access.cluster_url.to_string();
    let client = client(&access, tokens, config)?;
    let cluster = Cluster::new(client, server, &config.namespace, config.pace.clone());
    Ok((cluster, profiles))
}

async fn of_eks(place: &Whereabouts) -> Result<Config> {
    let mut cluster = json!({ "server": place.server });
    if !place.authority.is_empty() {
        cluster["certificate-authority-data"] = place.authority.as_str().into();
    }
    let described = json!({
        "clusters": [{ "name": "eks", "cluster": cluster }],
        "users": [{ "name": "eks", "user": {} }],
        "contexts": [{ "name": "eks", "context": { "cluster": "eks", "user": "eks" } }],
        "current-context": "eks",
    });
    let described: Kubeconfig = serde_json::from_value(described).map_err(|error| {
        Error::new(ErrorKind::Unexpected, OP, "what EKS says of the cluster makes no sense")
            .source(error)
    })?;
    proxy::load(described, &KubeConfigOptions::default()).await.map_err(|error| {
        Error::new(
            ErrorKind::Unexpected,
            OP,
            "the address or certificate that EKS names for the cluster cannot be used",
        )
        .with("server", &place.server)
        .source(error)
    })
}

async fn of_file(path: Option<&Path>, context: Option<&str>) -> Result<Config> {
    let shown = path
        .map_or_else(|| "($KUBECONFIG or ~/.kube/config)".to_owned(), |p| p.display().to_string());
    let wrong = |error| {
        Error::new(ErrorKind::InvalidConfig, OP, format!("the kubeconfig {shown} cannot be used"))
            .with("kubeconfig", &shown)
            .hint("name a kubeconfig that the driver's user can read, and a context that is in it")
            .source(error)
    };
    let file = match path {
        Some(path) => Kubeconfig::read_from(path),
        None => Kubeconfig::read(),
    };
    let options = KubeConfigOptions {
        context: context.map(ToOwned::to_owned),
        ..KubeConfigOptions::default()
    };
    proxy::load(file.map_err(wrong)?, &options).await.map_err(wrong)
}

fn of_pod() -> Result<Config> {
    Config::incluster().map_err(|error| {
        Error::new(ErrorKind::InvalidConfig, OP, "this program does not run in a pod")
            .hint("give the runner manager's pod a service account, or name the cluster")
            .source(error)
    })
}

/// An HTTP client for `access`.
///
/// As kube's own, without its layer that logs each refusal as an error: a job log would show
/// what the launcher bears.
fn client(access: &Config, tokens: Option<Tokens>, config: &EksConfig) -> Result<kube::Client> {
    if let Some(proxy) = &access.proxy_url {
        return Err(proxy::refusal(OP, proxy));
    }
    // Such an authority trusts nobody, which would look like a cluster that is not to be trusted.
    if access.root_cert.as_ref().is_some_and(Vec::is_empty) {
        return Err(Error::new(
            ErrorKind::InvalidConfig,
            OP,
            "the cluster's certificate authority holds no certificate",
        )
        .with("server", access.cluster_url.to_string())
        .hint("put the cluster's own certificates into the kubeconfig, in PEM"));
    }
    build(access, tokens, config).map_err(|error| {
        let told =
            Error::new(ErrorKind::InvalidConfig, OP, "the kubeconfig's credentials cannot be used")
                .with("server", access.cluster_url.to_string())
                .source(error);
        match access.auth_info.exec.as_ref().and_then(|exec| exec.command.as_deref()) {
            Some(command) => told.with("command", command).hint(
                "install the command of the kubeconfig's user where the driver finds it, and try \
                 it as the driver's user; with Cluster no command is needed",
            ),
            None => told.hint("check the certificates, key and token of the kubeconfig"),
        }
    })
}

fn build(
    access: &Config,
    tokens: Option<Tokens>,
    config: &EksConfig,
) -> Result<kube::Client, kube::Error> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_connect_timeout(Some(config.pace.api_timeout / 3));
    // Scripts travel here, too: their small messages must not wait for each other's receipt, and a
    // peer that is gone must be noticed while nothing is said, and while something is being sent.
    tcp.set_nodelay(true);
    tcp.set_keepalive(Some(config.pace.keepalive));
    #[cfg(target_os = "linux")]
    tcp.set_tcp_user_timeout(Some(config.pace.keepalive * 4));
    let tls = access.rustls_https_connector_with_connector(tcp)?;
    let http: HttpClient<_, Body> = HttpClient::builder(TokioExecutor::new()).build(tls);
    let service = ServiceBuilder::new()
        .layer(access.base_uri_layer())
        .option_layer(access.auth_layer()?)
        .option_layer(tokens.map(Authorize))
        .layer(access.extra_headers_layer()?)
        .map_err(BoxError::from)
        .service(http);
    Ok(kube::Client::new(service, config.namespace.clone()))
}
