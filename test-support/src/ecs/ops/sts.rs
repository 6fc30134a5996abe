//! STS `AssumeRole` and `GetCallerIdentity`.

use crate::ecs::api_error::ApiError;
use crate::ecs::ids;
use crate::ecs::request::{Request, Service};
use crate::ecs::state::{Credential, World};
use crate::ecs::xml::element;

/// A moment far enough away: the double's credentials do not expire by themselves.
const EXPIRATION: &str = "2099-01-01T00:00:00Z";

pub(super) fn assume_role(world: &World, request: &Request) -> Result<String, ApiError> {
    let field = |name: &str| {
        request.text(name).ok_or_else(|| {
            ApiError::new(400, "ValidationError", format!("{name} must not be null"))
        })
    };
    let (role, session) = (field("RoleArn")?, field("RoleSessionName")?);
    let good = |char: char| char.is_ascii_alphanumeric() || "_+=,.@-".contains(char);
    if !(2..=64).contains(&session.len()) || !session.chars().all(good) {
        return Err(ApiError::new(
            400,
            "ValidationError",
            format!("Value '{session}' at 'roleSessionName' failed to satisfy constraint"),
        ));
    }
    let external_id = request.text("ExternalId");
    let known = world.options.roles.iter().any(|one| {
        one.arn == role
            && one.external_id.as_deref().is_none_or(|wanted| external_id == Some(wanted))
    });
    if !known {
        return Err(ApiError::denied(Service::Sts, &request.who, "AssumeRole", role));
    }

    let name = ids::last_part(role);
    let arn = format!("arn:aws:sts::{}:assumed-role/{name}/{session}", ids::ACCOUNT);
    let key = format!("ASIA{}", ids::hex(16).to_ascii_uppercase());
    let (secret, token) = (ids::hex(40), ids::hex(200));
    let credential =
        Credential { secret: secret.clone(), session_token: Some(token.clone()), arn: arn.clone() };
    world.memory().credentials.insert(key.clone(), credential);
    let role_id = format!("AROATESTDOUBLE000000:{session}");
    Ok(format!(
        "<AssumedRoleUser>{}{}</AssumedRoleUser><Credentials>{}{}{}{}</Credentials>",
        element("AssumedRoleId", &role_id),
        element("Arn", &arn),
        element("AccessKeyId", &key),
        element("SecretAccessKey", &secret),
        element("SessionToken", &token),
        element("Expiration", EXPIRATION),
    ))
}

pub(super) fn caller(request: &Request) -> String {
    let id = "AIDATESTDOUBLE000000";
    element("UserId", id) + &element("Account", ids::ACCOUNT) + &element("Arn", &request.who)
}
