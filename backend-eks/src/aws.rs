//! AWS's part: the credentials, and where a cluster is.

use std::error::Error as StdError;
use std::time::Duration;

use aws_config::identity::IdentityCache;
use aws_config::sts::AssumeRoleProvider;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_eks::Client;
use aws_sdk_eks::error::{ErrorMetadata, ProvideErrorMetadata, SdkError};
use aws_sdk_eks::operation::RequestId;
use aws_smithy_async::time::SystemTimeSource;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use fargate_core::{Error, ErrorKind, Result};

use crate::chain::{chain, flat, never_connected};
use crate::config::{AssumeRole, EksPace};

const DESCRIBE: &str = "find the cluster";
const ACTION: &str = "eks:DescribeCluster";

/// Where a cluster is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Whereabouts {
    /// `https://…` of its API server.
    pub(crate) server: String,
    /// Its certificate authority, PEM in base64, as a kubeconfig has it; empty for none.
    pub(crate) authority: String,
}

/// Reads the default chain: environment, profile, container or instance role.
pub(crate) async fn load(region: Option<&str>) -> SdkConfig {
    let mut loader = aws_config::defaults(BehaviorVersion::latest());
    if let Some(region) = region {
        loader = loader.region(Region::new(region.to_owned()));
    }
    loader.load().await
}

/// Lays the settings over what the environment gave.
pub(crate) async fn configure(
    sdk: SdkConfig,
    region: Option<&str>,
    role: Option<&AssumeRole>,
    pace: &EksPace,
) -> Result<SdkConfig> {
    let mut builder = sdk.into_builder();
    if let Some(region) = region {
        builder.set_region(Region::new(region.to_owned()));
    }
    builder.set_retry_config(Some(
        RetryConfig::standard()
            .with_max_attempts(pace.api_attempts.max(1))
            .with_initial_backoff(pace.api_first_pause),
    ));
    // Without a limit a peer that accepts and stays silent holds the job for ever.
    builder.set_timeout_config(Some(
        TimeoutConfig::builder()
            .connect_timeout(pace.api_timeout / 3)
            .operation_attempt_timeout(pace.api_timeout)
            .build(),
    ));
    let limit: Duration = pace.api_timeout * 4 / 5;
    builder = builder.identity_cache(IdentityCache::lazy().load_timeout(limit).build());
    let mut sdk = builder.build();
    if sdk.time_source().is_none() {
        // A configuration built by hand may have none, and taking a role needs one.
        sdk = sdk.into_builder().time_source(SystemTimeSource::new()).build();
    }
    if sdk.region().is_none() {
        return Err(Error::new(ErrorKind::InvalidConfig, "set up AWS", "no region is known")
            .hint("set Region, or AWS_REGION"));
    }
    Ok(match role {
        Some(role) => assume(sdk, role).await,
        None => sdk,
    })
}

async fn assume(sdk: SdkConfig, role: &AssumeRole) -> SdkConfig {
    let mut provider = AssumeRoleProvider::builder(&role.arn)
        .configure(&sdk)
        .session_name(role.session_name.as_deref().unwrap_or("fargate-driver"));
    if let Some(id) = &role.external_id {
        provider = provider.external_id(id);
    }
    if !role.session_tags.is_empty() {
        provider = provider.tags(role.session_tags.clone());
    }
    let provider = SharedCredentialsProvider::new(provider.build().await);
    sdk.into_builder().credentials_provider(provider).build()
}

/// Asks EKS where the cluster `name` is; `endpoint` is another address of the EKS service.
pub(crate) async fn find(
    sdk: &SdkConfig,
    name: &str,
    endpoint: Option<&str>,
) -> Result<Whereabouts> {
    let mut config = aws_sdk_eks::config::Builder::from(sdk);
    config.set_endpoint_url(
        endpoint.map(ToOwned::to_owned).or_else(|| sdk.endpoint_url().map(ToOwned::to_owned)),
    );
    let client = Client::from_conf(config.build());
    let answer = client
        .describe_cluster()
        .name(name)
        .send()
        .await
        .map_err(|error| from_sdk(&error).with("cluster", name))?;
    let cluster = answer.cluster();
    let Some(server) = cluster.and_then(|cluster| cluster.endpoint()) else {
        let status = cluster.and_then(|cluster| cluster.status()).map_or("UNKNOWN", |s| s.as_str());
        return Err(Error::new(
            ErrorKind::Unavailable,
            DESCRIBE,
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

fn from_sdk<E, R>(error: &SdkError<E, R>) -> Error
where
    E: StdError + ProvideErrorMetadata + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
    SdkError<E, R>: RequestId,
{
    if let SdkError::ServiceError(service) = error {
        let code = service.err().code().unwrap_or_default();
        let message = service.err().message().unwrap_or_default();
        let told = refused(code, message);
        return match error.request_id() {
            Some(id) => told.with("request id", id),
            None => told,
        };
    }
    if chain(error).any(<dyn StdError>::is::<CredentialsError>) {
        return no_credentials(DESCRIBE, error);
    }
    let (kind, message) = if never_connected(error) {
        (ErrorKind::ConnectFailed, format!("AWS cannot be reached for {ACTION}"))
    } else {
        (ErrorKind::Unavailable, format!("no answer to {ACTION}"))
    };
    Error::new(kind, DESCRIBE, message)
        .hint("check Region, DNS and the route to the EKS API (NAT, proxy or VPC endpoint)")
        .source(flat(error))
}

/// A refusal of DescribeCluster: its errors in the EKS API reference, and the "Common Error
/// Types".
fn refused(code: &str, message: &str) -> Error {
    let kind = kind_of(code);
    let said = if message.is_empty() { code } else { message };
    let error =
        Error::new(kind, DESCRIBE, format!("AWS refused {ACTION}: {said}")).with("aws code", code);
    match kind {
        ErrorKind::NotFound => error.hint("check Cluster and Region"),
        ErrorKind::PermissionDenied => {
            error.hint(format!("allow {ACTION} on the cluster to the driver's role or user"))
        }
        ErrorKind::Unauthenticated => error.hint(
            "renew the AWS credentials of the driver (instance role, environment or profile) and \
             check the clock of this machine",
        ),
        _ => error,
    }
}

fn kind_of(code: &str) -> ErrorKind {
    match code {
        "ResourceNotFoundException" => ErrorKind::NotFound,
        "ThrottlingException" | "Throttling" | "TooManyRequestsException" => ErrorKind::Throttled,
        "ServerException"
        | "ServiceUnavailableException"
        | "ServiceUnavailable"
        | "InternalFailure"
        | "InternalServerError" => ErrorKind::Unavailable,
        "AccessDenied" | "AccessDeniedException" | "OptInRequired" | "NotAuthorized" => {
            ErrorKind::PermissionDenied
        }
        "ClientException"
        | "InvalidParameterException"
        | "InvalidRequestException"
        | "ValidationException"
        | "ValidationError" => ErrorKind::InvalidConfig,
        "ExpiredToken"
        | "ExpiredTokenException"
        | "RequestExpired"
        | "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "InvalidSignatureException"
        | "SignatureDoesNotMatch"
        | "IncompleteSignature"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException" => ErrorKind::Unauthenticated,
        _ => ErrorKind::Unexpected,
    }
}

/// There are no AWS credentials to do `op` with.
pub(crate) fn no_credentials(op: &'static str, error: &(dyn StdError + 'static)) -> Error {
    let refusal = chain(error)
        .find_map(|cause| cause.downcast_ref::<ErrorMetadata>())
        .and_then(|meta| Some((meta.code()?, meta.message().unwrap_or_default())));
    let innermost =
        chain(error).filter_map(|cause| cause.downcast_ref::<CredentialsError>()).last();
    let (kind, message) = match (refusal, innermost) {
        (Some((code, said)), _) => {
            let kind = match kind_of(code) {
                // Whatever it is, it leaves no credentials.
                ErrorKind::Unexpected | ErrorKind::NotFound => ErrorKind::Unauthenticated,
                kind => kind,
            };
            let said = if said.is_empty() { code } else { said };
            (kind, format!("no AWS credentials: {said}"))
        }
        (None, Some(CredentialsError::ProviderTimedOut(_))) => {
            (ErrorKind::Unavailable, "no AWS credentials: no answer in time".to_owned())
        }
        (None, _) if never_connected(error) => (
            ErrorKind::ConnectFailed,
            "no AWS credentials: whoever hands them out cannot be reached".to_owned(),
        ),
        (None, _) => {
            (ErrorKind::Unauthenticated, "no usable AWS credentials were found".to_owned())
        }
    };
    let hint = match kind {
        ErrorKind::PermissionDenied => {
            "let the role's trust policy name the driver, and allow sts:AssumeRole to the driver"
        }
        ErrorKind::Unauthenticated => {
            "give the runner manager an instance role, or set AWS_ACCESS_KEY_ID and \
             AWS_SECRET_ACCESS_KEY, or a profile"
        }
        _ => "check the route to AWS STS, or to whatever hands out this machine's credentials",
    };
    Error::new(kind, op, message).hint(hint).source(flat(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_has_a_kind() {
        use ErrorKind as K;
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
            let error = refused(code, "because");
            assert_eq!(error.kind(), kind, "{code}");
            assert_eq!(error.context_value("aws code"), Some(code));
        }
    }

    #[test]
    fn each_way_to_have_no_credentials_has_its_kind() {
        let answer = |code: &str| {
            let meta = ErrorMetadata::builder().code(code).message("because").build();
            no_credentials("x", &CredentialsError::provider_error(meta)).kind()
        };
        assert_eq!(answer("AccessDenied"), ErrorKind::PermissionDenied);
        assert_eq!(answer("ExpiredToken"), ErrorKind::Unauthenticated);
        assert_eq!(answer("Throttling"), ErrorKind::Throttled);
        let none = CredentialsError::not_loaded("nothing is set");
        assert_eq!(no_credentials("x", &none).kind(), ErrorKind::Unauthenticated);
        let slow = CredentialsError::provider_timed_out(Duration::from_secs(5));
        assert_eq!(no_credentials("x", &slow).kind(), ErrorKind::Unavailable);
        let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        let refused = CredentialsError::provider_error(refused);
        assert_eq!(no_credentials("x", &refused).kind(), ErrorKind::ConnectFailed);
    }
}
