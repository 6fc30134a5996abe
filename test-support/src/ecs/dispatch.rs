//! From an HTTP request to an answer: who asks, what for, what goes wrong.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use hyper::http::request::Parts;
use serde_json::Value;
use tokio::time::sleep;

use super::api_error::ApiError;
use super::ids;
use super::ops::{Answer, perform};
use super::request::{OPERATIONS, Request, Service, form};
use super::state::World;
use crate::signature::Claim;
use crate::sts;

/// What goes over the wire.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) content_type: &'static str,
    pub(super) request_id: String,
    pub(super) body: String,
}

/// Answers a request; `None` means the connection ends without an answer.
pub(super) async fn answer(world: &Arc<World>, parts: &Parts, body: &Bytes) -> Option<Reply> {
    let (service, op, body_value) = match read(parts, body) {
        Ok(call) => call,
        Err(error) => return Some(reply(Service::Ecs, "", Err(error))),
    };
    note_call(world, &op, &body_value);
    let request = match authenticate(world, parts, body, service) {
        Ok(who) => Request { service, op, body: body_value, who },
        Err(error) => return Some(reply(service, &op, Err(error))),
    };

    let delay = world.memory().faults.delay(&request.op);
    if let Some(delay) = delay {
        sleep(delay).await;
    }
    let refusal = {
        let mut memory = world.memory();
        match memory.faults.refusal(service, &request.op, &request.who) {
            None if !memory.limiter.allows(&request.op, Instant::now()) => {
                Some(ApiError::throttled(service))
            }
            refusal => refusal,
        }
    };
    if let Some(refusal) = refusal {
        return Some(reply(service, &request.op, Err(refusal)));
    }
    let done = perform(world, &request);
    if world.memory().faults.loses_response(&request.op) {
        return None;
    }
    Some(reply(service, &request.op, done))
}

fn read(parts: &Parts, body: &[u8]) -> Result<(Service, String, Value), ApiError> {
    if let Some(target) = parts.headers.get("x-amz-target") {
        let target = target.to_str().unwrap_or_default();
        let of = |service: Service| Some((service, target.strip_prefix(service.target()?)?));
        let Some((service, op)) = [Service::Ecs, Service::Logs].into_iter().find_map(of) else {
            return Err(ApiError::unknown_operation(target));
        };
        let value: Value = serde_json::from_slice(body)
            .map_err(|error| ApiError::new(400, "SerializationException", error.to_string()))?;
        return Ok((service, op.to_owned(), value));
    }
    let fields = form(body);
    let op = fields["Action"].as_str().unwrap_or_default().to_owned();
    let known = OPERATIONS.iter().find(|(_, name)| *name == op);
    let service = known.map(|(service, _)| *service).filter(|service| service.target().is_none());
    let service = service.ok_or_else(|| ApiError::unknown_operation(&op))?;
    Ok((service, op, fields))
}

fn note_call(world: &World, op: &str, body: &Value) {
    let mut memory = world.memory();
    *memory.calls.entry(op.to_owned()).or_default() += 1;
    memory.requests.push((op.to_owned(), body.clone()));
}

/// The ARN of whoever signed the request.
fn authenticate(
    world: &World,
    parts: &Parts,
    body: &[u8],
    service: Service,
) -> Result<String, ApiError> {
    let claim = Claim::read(parts).ok_or_else(|| ApiError::unsigned(service))?;
    let credential = world.memory().credentials.get(&claim.access_key).cloned();
    let token = parts.headers.get("x-amz-security-token").and_then(|token| token.to_str().ok());
    let credential = credential
        .filter(|credential| credential.session_token.as_deref() == token)
        .ok_or_else(|| ApiError::unknown_credentials(service))?;
    let region = &world.options.region;
    if !claim.holds(parts, body, &credential.secret, region, service.name()) {
        return Err(ApiError::bad_signature(service));
    }
    Ok(credential.arn)
}

fn reply(service: Service, op: &str, done: Result<Answer, ApiError>) -> Reply {
    let request_id = ids::uuid();
    let (status, body) = match done {
        Ok(Answer::Json(value)) => (200, value.to_string()),
        Ok(Answer::Xml(content)) => (200, envelope(service, op, &content, &request_id)),
        Err(error) => (error.status, error.body(service, &request_id)),
    };
    let content_type = match service {
        Service::Ecs | Service::Logs => "application/x-amz-json-1.1",
        Service::Ec2 => "text/xml;charset=UTF-8",
        Service::Sts => "text/xml",
    };
    Reply { status, content_type, request_id, body }
}

fn envelope(service: Service, op: &str, content: &str, request_id: &str) -> String {
    if service == Service::Ec2 {
        return format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <{op}Response xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\">\
             <requestId>{request_id}</requestId>{content}</{op}Response>"
        );
    }
    sts::envelope(op, content, request_id)
}
