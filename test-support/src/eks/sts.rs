//! STS, as far as somebody needs it who takes a role.

use bytes::Bytes;
use hyper::http::request::Parts;

use super::cluster::credential;
use super::dispatch::Reply;
use super::state::World;
use crate::random;
use crate::signature::Claim;
use crate::sts::{NoRole, assume_role, envelope};
use crate::xml::element;

/// Whether a request is for STS.
pub(super) fn is_meant(parts: &Parts) -> bool {
    parts.method == hyper::Method::POST && parts.uri.path() == "/"
}

pub(super) fn answer(world: &World, parts: &Parts, body: &Bytes) -> Reply {
    let fields: Vec<(String, String)> =
        form_urlencoded::parse(body).map(|(name, value)| (name.into(), value.into())).collect();
    let field = |name: &str| {
        let found = fields.iter().find(|(have, value)| have == name && !value.is_empty());
        found.map(|(_, value)| value.as_str())
    };
    let op = field("Action").unwrap_or_default();
    *world.memory().calls.entry(op.to_owned()).or_default() += 1;
    if op != "AssumeRole" {
        return refused(400, "InvalidAction", &format!("Could not find operation {op}"));
    }
    let claim = Claim::read(parts);
    let signer = claim.as_ref().and_then(|claim| credential(world, parts, claim));
    let (Some(claim), Some(signer)) = (claim, signer) else {
        let message = "The security token included in the request is invalid.";
        return refused(403, "InvalidClientTokenId", message);
    };
    if !claim.holds(parts, body, &signer.secret, &world.options.region, "sts") {
        let message = "The request signature we calculated does not match the signature you \
                       provided.";
        return refused(403, "SignatureDoesNotMatch", message);
    }
    let options = &world.options;
    let mut memory = world.memory();
    let done = assume_role(&options.roles, options.session, field, &mut memory.credentials);
    drop(memory);
    match done {
        Ok(content) => xml(200, envelope(op, &content, &random::uuid())),
        Err(NoRole::Invalid(message)) => refused(400, "ValidationError", &message),
        Err(NoRole::Denied(role)) => {
            let who = signer.arn;
            let action = "is not authorized to perform: sts:AssumeRole on resource:";
            refused(403, "AccessDenied", &format!("User: {who} {action} {role}"))
        }
    }
}

fn refused(status: u16, code: &str, message: &str) -> Reply {
    let error = element("Type", "Sender") + &element("Code", code) + &element("Message", message);
    let id = element("RequestId", &random::uuid());
    let space = "https://sts.amazonaws.com/doc/2011-06-15/";
    xml(
        status,
        format!("<ErrorResponse xmlns=\"{space}\"><Error>{error}</Error>{id}</ErrorResponse>"),
    )
}

fn xml(status: u16, body: String) -> Reply {
    let headers = vec![("content-type", "text/xml".to_owned())];
    Reply::Whole { status, headers, body }
}
