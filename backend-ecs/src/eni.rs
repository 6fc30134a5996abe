//! DescribeNetworkInterfaces: the one EC2 call, made by hand.
//!
//! The EC2 SDK is the largest of all; one signed form and one XML answer do not justify its
//! build time.

use std::fmt;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_runtime_api::client::http::HttpConnector;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use aws_types::service_config::ServiceConfigKey;
use fargate_aws_access::{CredentialSource, Refusal, partition, refused, unanswered};
use fargate_core::{Error, ErrorKind, Result};

use crate::eni_answer;
use crate::error::LOOK_UP;

/// The API version of the query protocol, fixed since 2016.
const API_VERSION: &str = "2016-11-15";
const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";

/// Looks up public addresses.
pub(crate) struct Interfaces {
    sdk: SdkConfig,
    credentials: CredentialSource,
    timeout: Duration,
    /// Made at the first use: it reads the system's certificates.
    connector: OnceLock<Connector>,
}

impl fmt::Debug for Interfaces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interfaces").finish_non_exhaustive()
    }
}

impl Interfaces {
    pub(crate) fn new(sdk: SdkConfig, credentials: CredentialSource, timeout: Duration) -> Self {
        Self { sdk, credentials, timeout, connector: OnceLock::new() }
    }

    /// The public IPv4 address of an interface; `None` while it has none.
    pub(crate) async fn public_ip(&self, interface: &str, region: &str) -> Result<Option<String>> {
        match tokio::time::timeout(self.timeout, self.ask(interface, region)).await {
            Ok(answer) => answer,
            Err(elapsed) => Err(unanswered(LOOK_UP, &elapsed, true)),
        }
    }

    async fn ask(&self, interface: &str, region: &str) -> Result<Option<String>> {
        let request = self.signed(interface, region).await?;
        let connector = self.connector.get_or_init(connector);
        let response =
            connector.call(request).await.map_err(|error| unanswered(LOOK_UP, &error, false))?;
        let status = response.status();
        let body = ByteStream::new(response.into_body())
            .collect()
            .await
            .map_err(|error| unanswered(LOOK_UP, &error, true))?
            .to_vec();
        let body = String::from_utf8_lossy(&body);
        if status.is_success() {
            return eni_answer::public_ip(&body).map_err(|error| {
                Error::new(ErrorKind::Unexpected, LOOK_UP.op, "EC2 answered with broken XML")
                    .with("interface", interface)
                    .source(error)
            });
        }
        let (code, message, request_id) = eni_answer::error(&body).unwrap_or_default();
        let refusal = Refusal { code, message, status: status.as_u16(), request_id };
        let error = refused(LOOK_UP, refusal).with("interface", interface);
        // The interface of a task that ECS has just shown: EC2 will know it in a moment.
        if error.kind() == ErrorKind::NotFound { Ok(None) } else { Err(error) }
    }

    async fn signed(&self, interface: &str, region: &str) -> Result<HttpRequest> {
        let defect = |error: Box<dyn std::error::Error + Send + Sync>| {
            Error::new(ErrorKind::Unexpected, LOOK_UP.op, "the request could not be built")
                .source(error)
        };
        if !interface.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            return Err(defect(format!("{interface:?} is not an interface id").into()));
        }
        let url = self.url(region);
        let body = format!(
            "Action=DescribeNetworkInterfaces&Version={API_VERSION}&NetworkInterfaceId.1={interface}"
        );
        let identity = self.credentials.get(LOOK_UP.op).await?.into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(region)
            .name("ec2")
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| defect(error.into()))?
            .into();
        let headers = [("content-type", FORM)];
        let signable = SignableRequest::new(
            "POST",
            url.as_str(),
            headers.into_iter(),
            SignableBody::Bytes(body.as_bytes()),
        )
        .map_err(|error| defect(error.into()))?;
        let (instructions, _) =
            sign(signable, &params).map_err(|error| defect(error.into()))?.into_parts();

        let mut request = HttpRequest::new(SdkBody::from(body));
        request.set_method("POST").map_err(|error| defect(error.into()))?;
        request.set_uri(url).map_err(|error| defect(error.into()))?;
        for (name, value) in headers.into_iter().chain(instructions.headers()) {
            request
                .headers_mut()
                .try_insert(name.to_owned(), value.to_owned())
                .map_err(|error| defect(error.into()))?;
        }
        Ok(request)
    }

    /// The address of EC2: as configured for EC2, for every service, or AWS's own.
    fn url(&self, region: &str) -> String {
        let for_ec2 = ServiceConfigKey::builder()
            .service_id("EC2")
            .env("AWS_ENDPOINT_URL")
            .profile("endpoint_url")
            .build()
            .ok()
            .and_then(|key| self.sdk.service_config()?.load_config(key));
        let mut url = for_ec2
            .or_else(|| self.sdk.endpoint_url().map(ToOwned::to_owned))
            .unwrap_or_else(|| {
                let fips = self.sdk.use_fips().unwrap_or_default();
                own_url(region, fips, self.sdk.use_dual_stack().unwrap_or_default())
            });
        if !url.ends_with('/') {
            url.push('/');
        }
        url
    }
}

/// AWS's own address of EC2: "Amazon EC2 endpoints and quotas" in the general reference.
fn own_url(region: &str, fips: bool, dual_stack: bool) -> String {
    let domain =
        if dual_stack { partition::dual_stack_domain(region) } else { partition::domain(region) };
    let service = if fips { "ec2-fips" } else { "ec2" };
    format!("https://{service}.{region}.{domain}")
}

fn connector() -> Connector {
    // The same TLS stack and proxy rules as the SDK's default client.
    Connector::builder()
        .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
        .proxy_config(ProxyConfig::from_env())
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_partition_has_its_own_address() {
        for (region, fips, dual, url) in [
            ("eu-west-1", false, false, "https://ec2.eu-west-1.amazonaws.com"),
            ("cn-north-1", false, false, "https://ec2.cn-north-1.amazonaws.com.cn"),
            ("us-gov-west-1", true, false, "https://ec2-fips.us-gov-west-1.amazonaws.com"),
            ("eu-west-1", false, true, "https://ec2.eu-west-1.api.aws"),
        ] {
            assert_eq!(own_url(region, fips, dual), url);
        }
    }

    #[tokio::test]
    async fn an_interface_id_cannot_smuggle_parameters() {
        let (sdk, limit) = (SdkConfig::builder().build(), Duration::from_secs(1));
        let interfaces = Interfaces::new(sdk, CredentialSource::new(None, limit), limit);
        let error = interfaces.public_ip("eni-1&Action=X", "eu-west-1").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unexpected);
    }
}
