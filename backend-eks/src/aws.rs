//! AWS's part: where a cluster is.

use aws_sdk_eks::Client;
use fargate_aws_access::{Call, SdkConfig, Service, from_sdk};
use fargate_core::{Error, ErrorKind, Result};

const DESCRIBE: Call = Call {
    op: "find the cluster",
    action: "eks:DescribeCluster",
    starts: false,
    service: &Service { kind: |_, _| None, advice: own_advice },
};

/// Where a cluster is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Whereabouts {
    /// `https://…` of its API server.
    pub(crate) server: String,
    /// Its certificate authority, PEM in base64, as a kubeconfig has it; empty for none.
    pub(crate) authority: String,
}

/// A client of the EKS service; `endpoint` is another address of it.
pub(crate) fn client(sdk: &SdkConfig, endpoint: Option<&str>) -> Client {
    let mut config = aws_sdk_eks::config::Builder::from(sdk);
    // Without one of the settings', what the environment says for EKS alone counts, or for AWS.
    if let Some(endpoint) = endpoint {
        config = config.endpoint_url(endpoint);
    }
    Client::from_conf(config.build())
}

/// Asks EKS where the cluster `name` is; `endpoint` is another address of the EKS service.
pub(crate) async fn find(
    sdk: &SdkConfig,
    name: &str,
    endpoint: Option<&str>,
) -> Result<Whereabouts> {
    let answer = client(sdk, endpoint)
        .describe_cluster()
        .name(name)
        .send()
        .await
        .map_err(|error| from_sdk(DESCRIBE, &error).with("cluster", name))?;
    let cluster = answer.cluster();
    let Some(server) = cluster.and_then(|cluster| cluster.endpoint()) else {
        let status = cluster.and_then(|cluster| cluster.status()).map_or("UNKNOWN", |s| s.as_str());
        return Err(Error::new(
            ErrorKind::Unavailable,
            DESCRIBE.op,
            format!("the cluster {name} has no address; its status is {status}"),
        )
        .with("cluster", name)
        .hint("wait until the cluster is ACTIVE"));
    };
    let authority = cluster
        .and_then(|cluster| cluster.certificate_authority())
        .and_then(|authority| authority.data());
    Ok(Whereabouts {
        server: server.to_owned(),
        authority: authority.unwrap_or_default().to_owned(),
    })
}

fn own_advice(kind: ErrorKind, _: &str, _: &str) -> Option<String> {
    (kind == ErrorKind::NotFound).then(|| "check Cluster and Region".to_owned())
}

#[cfg(test)]
mod tests {
    use fargate_aws_access::{Refusal, refused};

    use super::*;

    #[test]
    fn each_refusal_has_a_kind() {
        use ErrorKind as K;
        // The errors of DescribeCluster in the EKS API reference, then some that are common to
        // all services.
        for (code, kind) in [
            ("ResourceNotFoundException", K::NotFound),
            ("ClientException", K::InvalidConfig),
            ("ServerException", K::Unavailable),
            ("ServiceUnavailableException", K::Unavailable),
            ("AccessDeniedException", K::PermissionDenied),
            ("ThrottlingException", K::Throttled),
            ("ExpiredTokenException", K::Unauthenticated),
            ("UnrecognizedClientException", K::Unauthenticated),
            ("SomethingNew", K::Unexpected),
        ] {
            let refusal = Refusal {
                code: code.to_owned(),
                message: "because".to_owned(),
                status: 400,
                request_id: None,
            };
            let error = refused(DESCRIBE, refusal);
            assert_eq!(error.kind(), kind, "{code}");
            assert_eq!(error.context_value("aws code"), Some(code));
        }
    }
}
