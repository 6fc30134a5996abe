//! The EKS service: the cluster and its Fargate profiles.

use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::http::request::Parts;
use serde_json::{Value, json};

use super::call::{Call, Target};
use super::refusal::Refusal;
use super::state::World;
use super::{EksOptions, FargateProfile};
use crate::signature::Claim;
use crate::sts::{ACCOUNT, Credential};

/// Answers a call that was signed well.
pub(super) fn answer(world: &World, call: &Call) -> Result<Value, Refusal> {
    let options = &world.options;
    let no_cluster = |name: &str| {
        let message = format!("No cluster found for name: {name}.");
        Refusal::new(404, "ResourceNotFoundException", message)
    };
    match &call.target {
        Target::Clusters { name: Some(name) } if *name == options.cluster => {
            Ok(json!({"cluster": describe(world)}))
        }
        Target::Clusters { name: Some(name) } => Err(no_cluster(name)),
        Target::Profiles { cluster, .. } if *cluster != options.cluster => Err(no_cluster(cluster)),
        Target::Profiles { name: None, .. } => {
            let names: Vec<&str> =
                options.profiles.iter().map(|profile| profile.name.as_str()).collect();
            Ok(json!({"fargateProfileNames": names, "nextToken": null}))
        }
        Target::Profiles { name: Some(name), .. } => {
            let profile = options.profiles.iter().find(|profile| profile.name == *name);
            let profile = profile.ok_or_else(|| {
                let message = format!("No Fargate Profile found with name: {name}.");
                Refusal::new(404, "ResourceNotFoundException", message)
            })?;
            Ok(json!({"fargateProfile": describe_profile(options, profile)}))
        }
        _ => Err(Refusal::no_such_path()),
    }
}

/// Refuses what is not signed by anybody known.
pub(super) fn check_signature(world: &World, parts: &Parts, body: &[u8]) -> Result<(), Refusal> {
    let refused = |code: &str, message: &str| Err(Refusal::new(403, code, message));
    let Some(claim) = Claim::read(parts) else {
        return refused("MissingAuthenticationTokenException", "Missing Authentication Token");
    };
    let Some(credential) = credential(world, parts, &claim) else {
        let message = "The security token included in the request is invalid.";
        return refused("UnrecognizedClientException", message);
    };
    if !claim.holds(parts, body, &credential.secret, &world.options.region, "eks") {
        let message = "The request signature we calculated does not match the signature you \
                       provided. Check your AWS Secret Access Key and signing method.";
        return refused("InvalidSignatureException", message);
    }
    Ok(())
}

/// Whoever says to have signed a request, if the session is known.
pub(super) fn credential(world: &World, parts: &Parts, claim: &Claim) -> Option<Credential> {
    let token = parts.headers.get("x-amz-security-token").and_then(|token| token.to_str().ok());
    let known = world.memory().credentials.get(&claim.access_key).cloned();
    known.filter(|credential| {
        credential.session_token.as_deref() == token && credential.is_good(SystemTime::now())
    })
}

/// No policy allows the call.
pub(super) fn denied(call: &Call) -> Refusal {
    let action = match (call.verb, &call.target) {
        (_, Target::Clusters { .. }) => "DescribeCluster",
        ("list", _) => "ListFargateProfiles",
        _ => "DescribeFargateProfile",
    };
    let user = format!("arn:aws:iam::{ACCOUNT}:user/test-runner");
    let message = format!("User: {user} is not authorized to perform: eks:{action}");
    Refusal::new(403, "AccessDeniedException", message)
}

/// An error's type and its body, in AWS's words.
pub(super) fn error_body(refusal: &Refusal) -> (String, String) {
    let kind = match refusal.code {
        429 => "ThrottlingException",
        500 => "ServerException",
        502 | 503 => "ServiceUnavailableException",
        401 => "ExpiredTokenException",
        _ => refusal.reason.as_str(),
    };
    (kind.to_owned(), json!({"message": refusal.message}).to_string())
}

fn describe(world: &World) -> Value {
    let options = &world.options;
    let (name, region) = (&options.cluster, &options.region);
    json!({
        "name": name, "arn": format!("arn:aws:eks:{region}:{ACCOUNT}:cluster/{name}"),
        "createdAt": 1_735_787_045.0, "version": "1.33", "platformVersion": "eks.21",
        "endpoint": world.cluster_url(), "status": "ACTIVE",
        "certificateAuthority": {"data": STANDARD.encode(&world.tls.authority)},
        "roleArn": format!("arn:aws:iam::{ACCOUNT}:role/cluster"),
        "resourcesVpcConfig": {
            "subnetIds": ["subnet-0a1b2c3d4e5f60001"], "securityGroupIds": [],
            "vpcId": "vpc-0a1b2c3d4e5f60001", "endpointPublicAccess": true,
            "endpointPrivateAccess": true, "publicAccessCidrs": ["0.0.0.0/0"],
        },
        "accessConfig": {"authenticationMode": "API"}, "tags": {},
    })
}

fn describe_profile(options: &EksOptions, profile: &FargateProfile) -> Value {
    let (cluster, region, name) = (&options.cluster, &options.region, &profile.name);
    let selectors: Vec<Value> = profile
        .selectors
        .iter()
        .map(|one| json!({"namespace": one.namespace, "labels": one.labels}))
        .collect();
    json!({
        "fargateProfileName": name, "clusterName": cluster, "status": profile.status,
        "fargateProfileArn": format!(
            "arn:aws:eks:{region}:{ACCOUNT}:fargateprofile/{cluster}/{name}/0ac8b2c1"
        ),
        "podExecutionRoleArn": format!("arn:aws:iam::{ACCOUNT}:role/pod-execution"),
        "createdAt": 1_735_787_045.0, "subnets": ["subnet-0a1b2c3d4e5f60001"],
        "selectors": selectors, "tags": {},
    })
}
