//! Who may sign, and how STS lets somebody be somebody else.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use crate::random;
use crate::signature::{ACCESS_KEY, SECRET_KEY};
use crate::xml::element;

/// The account everything belongs to.
pub(crate) const ACCOUNT: &str = "123456789012";

/// Far enough away for credentials that do not expire.
const FOR_EVER: Duration = Duration::from_secs(50 * 365 * 24 * 3600);

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
    /// The role that was taken.
    pub(crate) role: Option<String>,
    pub(crate) expires: Option<SystemTime>,
}

impl Credential {
    pub(crate) fn is_good(&self, now: SystemTime) -> bool {
        self.expires.is_none_or(|end| now < end)
    }
}

/// Whoever may sign at first, by access key id.
pub(crate) fn first_credentials() -> BTreeMap<String, Credential> {
    let user = Credential {
        secret: SECRET_KEY.to_owned(),
        session_token: None,
        arn: format!("arn:aws:iam::{ACCOUNT}:user/test-runner"),
        role: None,
        expires: None,
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

/// `AssumeRole`: adds credentials that last for `life`, and returns the content of the answer.
pub(crate) fn assume_role<'a>(
    roles: &[AssumableRole],
    life: Option<Duration>,
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
    let expires = SystemTime::now() + life.unwrap_or(FOR_EVER);
    let credential = Credential {
        secret: secret.clone(),
        session_token: Some(token.clone()),
        arn: arn.clone(),
        role: Some(role.to_owned()),
        expires: Some(expires),
    };
    credentials.insert(key.clone(), credential);
    let role_id = format!("AROATESTDOUBLE000000:{session}");
    Ok(format!(
        "<AssumedRoleUser>{}{}</AssumedRoleUser><Credentials>{}{}{}{}</Credentials>",
        element("AssumedRoleId", &role_id),
        element("Arn", &arn),
        element("AccessKeyId", &key),
        element("SecretAccessKey", &secret),
        element("SessionToken", &token),
        element("Expiration", &humantime::format_rfc3339_seconds(expires).to_string()),
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
