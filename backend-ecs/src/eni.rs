//! DescribeNetworkInterfaces: the one EC2 call, made by hand.
//!
//! The EC2 SDK is the largest of all; one signed form and one XML answer do not justify its
//! build time.

use std::sync::Arc;

use fargate_aws_access::{Refusal, refused};
use fargate_core::{Error, ErrorKind, Result};

use crate::eni_answer;
use crate::error::LOOK_UP;
use crate::signed::{EC2, Signed};

/// The API version of the query protocol, fixed since 2016.
const API_VERSION: &str = "2016-11-15";
const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";

/// Looks up public addresses.
#[derive(Debug)]
pub(crate) struct Interfaces {
    signed: Arc<Signed>,
}

impl Interfaces {
    pub(crate) fn new(signed: Arc<Signed>) -> Self {
        Self { signed }
    }

    /// The public IPv4 address of an interface; `None` while it has none.
    pub(crate) async fn public_ip(&self, interface: &str, region: &str) -> Result<Option<String>> {
        if !interface.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            return Err(Error::new(
                ErrorKind::Unexpected,
                LOOK_UP.op,
                format!("{interface:?} is not an interface id"),
            ));
        }
        let body = format!(
            "Action=DescribeNetworkInterfaces&Version={API_VERSION}&NetworkInterfaceId.1={interface}"
        );
        let headers = [("content-type", FORM)];
        let answer = self.signed.post(LOOK_UP, &EC2, region, &headers, body).await?;
        if (200..300).contains(&answer.status) {
            return eni_answer::public_ip(&answer.body).map_err(|error| {
                Error::new(ErrorKind::Unexpected, LOOK_UP.op, "EC2 answered with broken XML")
                    .with("interface", interface)
                    .source(error)
            });
        }
        let (code, message, request_id) = eni_answer::error(&answer.body).unwrap_or_default();
        let refusal = Refusal { code, message, status: answer.status, request_id };
        let error = refused(LOOK_UP, refusal).with("interface", interface);
        // The interface of a task that ECS has just shown: EC2 will know it in a moment.
        if error.kind() == ErrorKind::NotFound { Ok(None) } else { Err(error) }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use aws_config::SdkConfig;
    use fargate_aws_access::CredentialSource;

    use super::*;

    #[tokio::test]
    async fn an_interface_id_cannot_smuggle_parameters() {
        let (sdk, limit) = (SdkConfig::builder().build(), Duration::from_secs(1));
        let signed = Signed::new(sdk, CredentialSource::new(None, limit), limit);
        let interfaces = Interfaces::new(Arc::new(signed));
        let error = interfaces.public_ip("eni-1&Action=X", "eu-west-1").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unexpected);
    }
}
