//! Who may sign, and how STS lets somebody be somebody else.

use std::collections::BTreeMap;

use crate::random;
use crate::signature::{ACCESS_KEY, SECRET_KEY};
use crate::xml::element;

/// The account everything belongs to.
pub(crate) const ACCOUNT: &str = "123456789012";

/// A moment far enough away: credentials here do not expire by themselves.
const EXPIRATION: &str = "2099-01-01T00:00:00Z";

/// A role that `AssumeRole` gives credentials for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssumableRole {
    /// The role's ARN.
    pub arn: String,
    /// The external id the caller must give, if any.
    pub external_id: Option<String>,
}

impl Default for AssumableRole {
    fn default() -> Self {
        Self { arn: format!("arn:aws:iam::{ACCOUNT}:role/fargate-runner"), external_id: None }
    }
}

/// Whoever may sign.
#[derive(Debug, Clone)]
pub(crate) struct Credential {
    pub(crate) secret: String,
    pub(crate) session_token: Option<String>,
    pub(crate) arn: String,
}

/// Whoever may sign at first, by access key id.
pub(crate) fn first_credentials() -> BTreeMap<String, Credential> {
    let user = Credential {
        secret: SECRET_KEY.to_owned(),
        session_token: None,
        arn: format!("arn:aws:iam::{ACCOUNT}:user/test-runner"),
    };
    BTreeMap::from([(ACCESS_KEY.to_owned(), user)])
}

/// Why a role is not given.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NoRole {
    /// A `ValidationError` with this message.
    Invalid(String),
    /// The role of this ARN is not for the caller.
    Denied(String),
}

/// `AssumeRole`: adds credentials, and returns the content of the answer.
pub(crate) fn assume_role<'a>(
    roles: &[AssumableRole],
    field: impl Fn(&str) -> Option<&'a str>,
    credentials: &mut BTreeMap<String, Credential>,
) -> Result<String, NoRole> {
    let needed =
        |name: &str| field(name).ok_or_else(|| NoRole::Invalid(format!("{name} must not be null")));
    let (role, session) = (needed("RoleArn")?, needed("RoleSessionName")?);
    let good = |char: char| char.is_ascii_alphanumeric() || "_+=,.@-".contains(char);
    if !(2..=64).contains(&session.len()) || !session.chars().all(good) {
        return Err(NoRole::Invalid(format!(
            "Value '{session}' at 'roleSessionName' failed to satisfy constraint"
        )));
    }
    let external_id = field("ExternalId");
    let known = roles.iter().any(|one| {
        one.arn == role
            && one.external_id.as_deref().is_none_or(|wanted| external_id == Some(wanted))
    });
    if !known {
        return Err(NoRole::Denied(role.to_owned()));
    }

    let name = role.rsplit('/').next().unwrap_or(role);
    let arn = format!("arn:aws:sts::{ACCOUNT}:assumed-role/{name}/{session}");
    let key = format!("ASIA{}", random::hex(16).to_ascii_uppercase());
    let (secret, token) = (random::hex(40), random::hex(200));
    let credential =
        Credential { secret: secret.clone(), session_token: Some(token.clone()), arn: arn.clone() };
    credentials.insert(key.clone(), credential);
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

/// An answer of STS.
pub(crate) fn envelope(op: &str, content: &str, request_id: &str) -> String {
    format!(
        "<{op}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{op}Result>{content}\
         </{op}Result><ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>\
         </{op}Response>"
    )
}
