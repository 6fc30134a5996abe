//! Services of AWS as plain JSON: where an SDK is not worth its build time, or its types do not know
//! all fields.
//!
//! Protocol: "AWS JSON 1.1" in the Smithy specification.

use fargate_aws_access::{Call, Refusal, refused};
use fargate_core::{Error, ErrorKind, Result};
use serde_json::Value;

use crate::signed::{Answer, Service, Signed};

/// A service that speaks the protocol.
#[derive(Debug)]
pub(crate) struct Api {
    pub(crate) service: &'static Service,
    /// Its part of `X-Amz-Target`.
    pub(crate) target: &'static str,
}

/// Calls `operation`, such as `DescribeTaskDefinition`, once.
pub(crate) async fn ask(
    signed: &Signed,
    call: Call,
    api: &Api,
    operation: &str,
    region: &str,
    body: &Value,
) -> Result<Value> {
    let target = format!("{}.{operation}", api.target);
    let headers =
        [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", target.as_str())];
    let answer = signed.post(call, api.service, region, &headers, body.to_string()).await?;
    if !(200..300).contains(&answer.status) {
        return Err(refused(call, refusal(answer)));
    }
    serde_json::from_str(&answer.body).map_err(|error| {
        Error::new(ErrorKind::Unexpected, call.op, "AWS answered with broken JSON").source(error)
    })
}

/// What an error answer says. Its code may stand behind a namespace, and IAM spells `Message`.
fn refusal(answer: Answer) -> Refusal {
    let body: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    let code = body["__type"].as_str().unwrap_or_default();
    let code = code.rsplit('#').next().unwrap_or_default();
    let message = body["message"].as_str().or_else(|| body["Message"].as_str());
    Refusal {
        code: code.to_owned(),
        message: message.unwrap_or_default().to_owned(),
        status: answer.status,
        request_id: answer.request_id,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(body: &str) -> (String, String) {
        let answer = Answer { status: 400, request_id: None, body: body.to_owned() };
        let refusal = refusal(answer);
        (refusal.code, refusal.message)
    }

    #[test]
    fn an_error_answer_gives_code_and_message() {
        for (body, code, message) in [
            (r#"{"__type":"ClientException","message":"no"}"#, "ClientException", "no"),
            (r#"{"__type":"com.amazon.coral#X","message":"no"}"#, "X", "no"),
            (r#"{"__type":"AccessDeniedException","Message":"no"}"#, "AccessDeniedException", "no"),
            ("gateway timeout", "", ""),
        ] {
            assert_eq!(said(body), (code.to_owned(), message.to_owned()), "{body}");
        }
    }
}
