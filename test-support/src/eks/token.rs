//! Tokens that are a signed question to STS, as EKS takes them.
//!
//! Who presents one proves to have AWS keys: the cluster sends the question on, and STS says whose
//! keys signed it. Here the signature is computed again instead.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hyper::Uri;

use super::state::World;
use crate::signature::{sha256_hex, sign};
use crate::sts::Credential;

const PREFIX: &str = "k8s-aws-v1.";
/// How old a token may be, whatever it says about itself.
const LIFE: Duration = Duration::from_secs(15 * 60);

/// Whether `bearer` is a good token for the cluster, signed by somebody known.
pub(super) fn holds(world: &World, bearer: &str) -> bool {
    let options = &world.options;
    let credentials = &world.memory().credentials;
    let signer = signer(bearer, &options.cluster, &options.region, credentials, SystemTime::now());
    signer.is_some_and(|signer| {
        let principal = signer.role.as_ref().unwrap_or(&signer.arn);
        options.access_entries.is_empty() || options.access_entries.contains(principal)
    })
}

/// Whose keys signed a token that is good `now`.
fn signer<'a>(
    bearer: &str,
    cluster: &str,
    region: &str,
    credentials: &'a BTreeMap<String, Credential>,
    now: SystemTime,
) -> Option<&'a Credential> {
    let url = URL_SAFE_NO_PAD.decode(bearer.strip_prefix(PREFIX)?).ok()?;
    let url: Uri = String::from_utf8(url).ok()?.parse().ok()?;
    let raw = url.query()?;
    let fields: Vec<(String, String)> = form_urlencoded::parse(raw.as_bytes())
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    let field = |name: &str| {
        let found = fields.iter().find(|(have, _)| have.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    };
    let (key, scope) = field("X-Amz-Credential")?.split_once('/')?;
    let credential = credentials.get(key).filter(|credential| credential.is_good(now))?;
    let time = field("X-Amz-Date")?;
    let headers = field("X-Amz-SignedHeaders")?;
    let expires: u64 = field("X-Amz-Expires")?.parse().ok()?;
    let made = moment(time)?;
    let age = now.duration_since(made).unwrap_or_default();
    let date = time.get(..8)?;
    let good = url.path() == "/"
        && field("Action")? == "GetCallerIdentity"
        && field("Version")? == "2011-06-15"
        && field("X-Amz-Algorithm")? == "AWS4-HMAC-SHA256"
        && credential.session_token.as_deref() == field("X-Amz-Security-Token")
        && scope == format!("{date}/{region}/sts/aws4_request")
        && headers == "host;x-k8s-aws-id"
        && expires <= 900
        && age < LIFE;
    if !good {
        return None;
    }
    let mut query: Vec<&str> =
        raw.split('&').filter(|part| !part.starts_with("X-Amz-Signature=")).collect();
    query.sort_unstable();
    let host = url.authority()?;
    let canonical = format!(
        "GET\n/\n{}\nhost:{host}\nx-k8s-aws-id:{cluster}\n\n{headers}\n{}",
        query.join("&"),
        sha256_hex(b""),
    );
    let signature = sign(&credential.secret, scope, time, &canonical);
    (signature == field("X-Amz-Signature")?).then_some(credential)
}

/// A time such as `20250102T030405Z`.
fn moment(text: &str) -> Option<SystemTime> {
    let part = |range: std::ops::Range<usize>| text.get(range);
    let rfc = format!(
        "{}-{}-{}T{}:{}:{}Z",
        part(0..4)?,
        part(4..6)?,
        part(6..8)?,
        part(9..11)?,
        part(11..13)?,
        part(13..15)?,
    );
    humantime::parse_rfc3339(&rfc).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signature::{ACCESS_KEY, SECRET_KEY};
    use crate::sts::first_credentials;

    const TIME: &str = "20250102T030405Z";

    fn token(cluster: &str, time: &str) -> String {
        let scope = format!("{}/eu-central-1/sts/aws4_request", &time[..8]);
        let query = format!(
            "Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Algorithm=AWS4-HMAC-SHA256&\
             X-Amz-Credential={ACCESS_KEY}%2F{}&X-Amz-Date={time}&X-Amz-Expires=60&\
             X-Amz-SignedHeaders=host%3Bx-k8s-aws-id",
            scope.replace('/', "%2F"),
        );
        let host = "sts.eu-central-1.amazonaws.com";
        let canonical = format!(
            "GET\n/\n{query}\nhost:{host}\nx-k8s-aws-id:{cluster}\n\nhost;x-k8s-aws-id\n{}",
            sha256_hex(b""),
        );
        let signature = sign(SECRET_KEY, &scope, time, &canonical);
        let url = format!("https://{host}/?{query}&X-Amz-Signature={signature}");
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(url))
    }

    #[test]
    fn a_token_is_for_one_cluster_and_a_while() {
        let now = moment(TIME).unwrap();
        let known = first_credentials();
        let good = |token: &str, cluster: &str, after: u64| {
            let at = now + Duration::from_secs(after);
            signer(token, cluster, "eu-central-1", &known, at).is_some()
        };
        let mine = token("mine", TIME);
        assert!(good(&mine, "mine", 0) && good(&mine, "mine", 600));
        assert!(!good(&mine, "theirs", 0));
        assert!(!good(&mine, "mine", 901));
        assert!(!good("k8s-aws-v1.%%%", "mine", 0) && !good("other", "mine", 0));
        assert!(signer(&mine, "mine", "us-east-1", &known, now).is_none());
    }
}
