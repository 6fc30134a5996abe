//! The EKS service, signed by the AWS signer.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use fargate_test_support::eks::{EksDouble, Fault, Trouble};
use fargate_test_support::http::{Answer, request};
use serde_json::{Value, json};

use crate::client::words;

async fn send(
    double: &EksDouble,
    credentials: &Credentials,
    (service, method): (&str, &str),
    path: &str,
    body: &str,
) -> Answer {
    let identity = credentials.clone().into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region("eu-central-1")
        .name(service)
        .time(SystemTime::now())
        .settings(SigningSettings::default())
        .build()
        .unwrap()
        .into();
    let url = format!("{}{path}", double.url());
    let signed = SignableBody::Bytes(body.as_bytes());
    let signable = SignableRequest::new(method, &url, std::iter::empty(), signed).unwrap();
    let (instructions, _) = sign(signable, &parameters).unwrap().into_parts();
    let headers: Vec<(&str, &str)> = instructions.headers().collect();
    request(method, &url, &headers, body.to_owned()).await.unwrap()
}

fn first(double: &EksDouble) -> Credentials {
    let (key, secret) = double.credentials();
    Credentials::new(key, secret, None, None, "test")
}

async fn ask_as(double: &EksDouble, credentials: &Credentials, path: &str) -> Answer {
    send(double, credentials, ("eks", "GET"), path, "").await
}

async fn ask(double: &EksDouble, path: &str) -> (u16, Value, String) {
    let answer = ask_as(double, &first(double), path).await;
    let kind = answer.headers.get("x-amzn-errortype").map(|kind| kind.to_str().unwrap().to_owned());
    (answer.status, serde_json::from_str(&answer.body).unwrap(), kind.unwrap_or_default())
}

#[tokio::test]
async fn a_cluster_and_its_profiles() {
    let (double, _) = words().await;
    let (status, body, _) = ask(&double, "/clusters/test-cluster").await;
    assert_eq!(status, 200, "{body}");
    let cluster = &body["cluster"];
    assert_eq!(
        (&cluster["status"], &cluster["endpoint"]),
        (&json!("ACTIVE"), &json!(double.url()))
    );
    assert!(
        cluster["certificateAuthority"]["data"].as_str().unwrap().starts_with("LS0tLS1CRUdJTi")
    );
    let (_, list, _) = ask(&double, "/clusters/test-cluster/fargate-profiles").await;
    assert_eq!(list["fargateProfileNames"], json!(["ci-profile"]));
    let (_, one, _) = ask(&double, "/clusters/test-cluster/fargate-profiles/ci-profile").await;
    let selectors = &one["fargateProfile"]["selectors"];
    assert_eq!(selectors[0], json!({"namespace": "ci", "labels": {}}));
    assert_eq!(double.calls()["get clusters"], 1);
}

#[tokio::test]
async fn what_the_service_refuses() {
    let (double, _) = words().await;
    for path in [
        "/clusters/other",
        "/clusters/other/fargate-profiles",
        "/clusters/test-cluster/fargate-profiles/other",
    ] {
        let (status, _, kind) = ask(&double, path).await;
        assert_eq!((status, kind.as_str()), (404, "ResourceNotFoundException"), "{path}");
    }
    let (key, _) = double.credentials();
    let wrong = Credentials::new(key, "wrong", None, None, "test");
    let answer = ask_as(&double, &wrong, "/clusters/test-cluster").await;
    assert_eq!(answer.status, 403);
    assert_eq!(answer.headers["x-amzn-errortype"], "InvalidSignatureException");
    for (trouble, code, kind, said) in [
        (Trouble::Forbidden, 403, "AccessDeniedException", "eks:DescribeCluster"),
        (Trouble::Throttled { retry_after: None }, 429, "ThrottlingException", "Too many"),
        (Trouble::ServerError, 500, "ServerException", ""),
        (Trouble::Unavailable, 503, "ServiceUnavailableException", ""),
    ] {
        double.inject(Fault::new("get", "clusters", trouble));
        let (status, body, type_) = ask(&double, "/clusters/test-cluster").await;
        assert_eq!((status, type_.as_str()), (code, kind));
        assert!(body["message"].as_str().unwrap().contains(said), "{body}");
    }
}

#[tokio::test]
async fn a_role_can_be_taken() {
    let (double, _) = words().await;
    let role = |name: &str| {
        format!(
            "Action=AssumeRole&Version=2011-06-15&RoleSessionName=test&\
             RoleArn=arn:aws:iam::123456789012:role/{name}"
        )
    };
    let mine = first(&double);
    let answer = send(&double, &mine, ("sts", "POST"), "/", &role("fargate-runner")).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let document = roxmltree::Document::parse(&answer.body).unwrap();
    let text = |name: &str| {
        let node = document.descendants().find(|node| node.tag_name().name() == name).unwrap();
        node.text().unwrap().to_owned()
    };
    let (key, secret) = (text("AccessKeyId"), text("SecretAccessKey"));
    let taken = Credentials::new(&key, &secret, Some(text("SessionToken")), None, "test");
    assert_eq!(ask_as(&double, &taken, "/clusters/test-cluster").await.status, 200);
    let half = Credentials::new(&key, &secret, None, None, "test");
    assert_eq!(ask_as(&double, &half, "/clusters/test-cluster").await.status, 403);

    let answer = send(&double, &mine, ("sts", "POST"), "/", &role("other")).await;
    assert_eq!(answer.status, 403);
    assert!(answer.body.contains("<Code>AccessDenied</Code>"), "{}", answer.body);
    assert_eq!(double.calls()["AssumeRole"], 2);
}
