//! Requests to AWS that are signed by hand: where the SDK has no types, or too many.

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
use fargate_aws_access::{Call, CredentialSource, partition, unanswered};
use fargate_core::{Error, ErrorKind, Result};

type Headers<'a> = &'a [(&'static str, &'a str)];

/// A service of AWS, as addresses, signatures and the SDK's configuration name it.
#[derive(Debug)]
pub(crate) struct Service {
    /// The SDK's name for it, such as `EC2`.
    id: &'static str,
    /// The name in signatures, which for these is the first part of the host name as well.
    name: &'static str,
}

pub(crate) const EC2: Service = Service { id: "EC2", name: "ec2" };
pub(crate) const ECS: Service = Service { id: "ECS", name: "ecs" };
pub(crate) const LOGS: Service = Service { id: "CloudWatch Logs", name: "logs" };

/// Whatever the service answered with, good or bad.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The header `x-amzn-requestid`; some services say it in the body only.
    pub(crate) request_id: Option<String>,
    pub(crate) body: String,
}

/// Signs and sends.
pub(crate) struct Signed {
    sdk: SdkConfig,
    credentials: CredentialSource,
    timeout: Duration,
    /// Made at the first use: it reads the system's certificates.
    connector: OnceLock<Connector>,
}

impl fmt::Debug for Signed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signed").finish_non_exhaustive()
    }
}

impl Signed {
    pub(crate) fn new(sdk: SdkConfig, credentials: CredentialSource, timeout: Duration) -> Self {
        Self { sdk, credentials, timeout, connector: OnceLock::new() }
    }

    /// One POST, one attempt.
    pub(crate) async fn post(
        &self,
        call: Call,
        service: &Service,
        region: &str,
        headers: Headers<'_>,
        body: String,
    ) -> Result<Answer> {
        let sent = async {
            let request = self.signed(call, service, region, headers, body).await?;
            self.send(call, request).await
        };
        match tokio::time::timeout(self.timeout, sent).await {
            Ok(answer) => answer,
            Err(elapsed) => Err(unanswered(call, &elapsed, true)),
        }
    }

    async fn send(&self, call: Call, request: HttpRequest) -> Result<Answer> {
        let connector = self.connector.get_or_init(connector);
        let response =
            connector.call(request).await.map_err(|error| unanswered(call, &error, false))?;
        let status = response.status().as_u16();
        let request_id = response.headers().get("x-amzn-requestid").map(ToOwned::to_owned);
        let body = ByteStream::new(response.into_body())
            .collect()
            .await
            .map_err(|error| unanswered(call, &error, true))?
            .to_vec();
        Ok(Answer { status, request_id, body: String::from_utf8_lossy(&body).into_owned() })
    }

    async fn signed(
        &self,
        call: Call,
        service: &Service,
        region: &str,
        headers: Headers<'_>,
        body: String,
    ) -> Result<HttpRequest> {
        let defect = |error: Box<dyn std::error::Error + Send + Sync>| {
            Error::new(ErrorKind::Unexpected, call.op, "the request could not be built")
                .source(error)
        };
        let url = self.url(service, region);
        let identity = self.credentials.get(call.op).await?.into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(region)
            .name(service.name)
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| defect(error.into()))?
            .into();
        let signable = SignableRequest::new(
            "POST",
            url.as_str(),
            headers.iter().copied(),
            SignableBody::Bytes(body.as_bytes()),
        )
        .map_err(|error| defect(error.into()))?;
        let (instructions, _) =
            sign(signable, &params).map_err(|error| defect(error.into()))?.into_parts();

        let mut request = HttpRequest::new(SdkBody::from(body));
        request.set_method("POST").map_err(|error| defect(error.into()))?;
        request.set_uri(url).map_err(|error| defect(error.into()))?;
        for (name, value) in headers.iter().copied().chain(instructions.headers()) {
            request
                .headers_mut()
                .try_insert(name.to_owned(), value.to_owned())
                .map_err(|error| defect(error.into()))?;
        }
        Ok(request)
    }

    /// The address of a service: as configured for it, for every service, or AWS's own.
    fn url(&self, service: &Service, region: &str) -> String {
        let for_service = ServiceConfigKey::builder()
            .service_id(service.id)
            .env("AWS_ENDPOINT_URL")
            .profile("endpoint_url")
            .build()
            .ok()
            .and_then(|key| self.sdk.service_config()?.load_config(key));
        let mut url = for_service
            .or_else(|| self.sdk.endpoint_url().map(ToOwned::to_owned))
            .unwrap_or_else(|| {
                let fips = self.sdk.use_fips().unwrap_or_default();
                own_url(service, region, fips, self.sdk.use_dual_stack().unwrap_or_default())
            });
        if !url.ends_with('/') {
            url.push('/');
        }
        url
    }
}

/// AWS's own address: "Amazon EC2 endpoints and quotas" and the same of ECS and CloudWatch Logs in
/// the general reference.
fn own_url(service: &Service, region: &str, fips: bool, dual_stack: bool) -> String {
    let domain =
        if dual_stack { partition::dual_stack_domain(region) } else { partition::domain(region) };
    let fips = if fips { "-fips" } else { "" };
    format!("https://{}{fips}.{region}.{domain}", service.name)
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
        for (service, region, fips, dual, url) in [
            (&EC2, "eu-west-1", false, false, "https://ec2.eu-west-1.amazonaws.com"),
            (&EC2, "cn-north-1", false, false, "https://ec2.cn-north-1.amazonaws.com.cn"),
            (&EC2, "us-gov-west-1", true, false, "https://ec2-fips.us-gov-west-1.amazonaws.com"),
            (&EC2, "eu-west-1", false, true, "https://ec2.eu-west-1.api.aws"),
            (&ECS, "eu-west-1", false, false, "https://ecs.eu-west-1.amazonaws.com"),
            (&ECS, "us-east-1", true, true, "https://ecs-fips.us-east-1.api.aws"),
            (&LOGS, "eu-west-1", false, false, "https://logs.eu-west-1.amazonaws.com"),
        ] {
            assert_eq!(own_url(service, region, fips, dual), url);
        }
    }
}
