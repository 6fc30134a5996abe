//! From an HTTP request to an answer: who asks, what for, what goes wrong.

use std::sync::Arc;

use bytes::Bytes;
use hyper::http::request::Parts;
use serde_json::Value;
use tokio::time::sleep;

use super::call::{Call, Stream, Target};
use super::faults::Trouble;
use super::ops::perform;
use super::refusal::Refusal;
use super::state::World;
use super::{cluster, log, stream, sts, token, watch};

/// What goes over the wire.
#[derive(Debug)]
pub(super) enum Reply {
    Whole {
        status: u16,
        headers: Vec<(&'static str, String)>,
        body: String,
    },
    Watch(watch::Lines),
    /// The connection becomes a WebSocket.
    Upgrade(stream::Upgrade),
    /// The connection ends without an answer.
    Cut,
}

/// Answers a request.
pub(super) async fn answer(world: &Arc<World>, parts: &Parts, body: &Bytes) -> Reply {
    if sts::is_meant(parts) {
        return sts::answer(world, parts, body);
    }
    let call = match Call::read(parts, body) {
        Ok(call) => call,
        Err(refusal) => return refused(&refusal, false),
    };
    note_call(world, &call);
    let for_aws = call.is_for_aws();
    if let Err(refusal) = authenticate(world, parts, body, &call) {
        return refused(&refusal, for_aws);
    }
    let fate = world.memory().faults.fate(call.verb, call.resource());
    if let Some(delay) = fate.delay {
        sleep(delay).await;
    }
    match fate.trouble {
        Some(Trouble::CutBefore) => return Reply::Cut,
        Some(Trouble::CutAfter) if matches!(call.target, Target::Stream { .. }) => {
            // What it was to start goes on without a connection.
            if let Ok(upgrade) = stream::open(world, &call, parts) {
                upgrade.run_unheard(world);
            }
            return Reply::Cut;
        }
        Some(Trouble::CutAfter) => {
            // The answer is lost, whatever it was.
            let _ = perform(world, &call);
            return Reply::Cut;
        }
        Some(Trouble::Expired) if call.verb == "watch" => {
            let trouble = Some(Trouble::ExpireWatch { after: 0 });
            return watch::start(world, &call, trouble)
                .map_or_else(|refusal| refused(&refusal, false), Reply::Watch);
        }
        Some(trouble) => return refused(&refusal(world, &call, trouble), for_aws),
        None => {}
    }
    if call.verb == "watch" {
        return watch::start(world, &call, fate.watch)
            .map_or_else(|refusal| refused(&refusal, false), Reply::Watch);
    }
    if matches!(call.target, Target::Stream { .. }) {
        return stream::open(world, &call, parts)
            .map_or_else(|refusal| refused(&refusal, false), Reply::Upgrade);
    }
    if let Target::Log { namespace, name } = &call.target {
        let headers = vec![("content-type", "text/plain".to_owned())];
        return log::read(world, &call, namespace, name).map_or_else(
            |refusal| refused(&refusal, false),
            |body| Reply::Whole { status: 200, headers, body },
        );
    }
    match perform(world, &call) {
        Ok((status, object)) => {
            Reply::Whole { status, headers: Vec::new(), body: object.to_string() }
        }
        Err(refusal) => refused(&refusal, for_aws),
    }
}

fn note_call(world: &World, call: &Call) {
    let name = format!("{} {}", call.verb, call.resource());
    let mut memory = world.memory();
    *memory.calls.entry(name.clone()).or_default() += 1;
    let mut noted = call.body.clone();
    if noted.is_null() {
        // Calls without a body are told by their query.
        let query = call.query.iter();
        noted = query.map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect();
        if matches!(call.target, Target::Stream { stream: Stream::Exec, .. }) {
            // A command is a list of words, whatever their number.
            noted["command"] = call.all("command").into();
        }
    }
    memory.requests.push((name, noted));
}

fn authenticate(world: &World, parts: &Parts, body: &[u8], call: &Call) -> Result<(), Refusal> {
    if call.is_for_aws() {
        return cluster::check_signature(world, parts, body);
    }
    if call.target == Target::Version {
        // Everybody may know it.
        return Ok(());
    }
    let header = parts.headers.get("authorization").and_then(|header| header.to_str().ok());
    let bearer = header.and_then(|header| header.strip_prefix("Bearer ")).unwrap_or_default();
    if bearer == world.token || token::holds(world, bearer) {
        Ok(())
    } else {
        Err(Refusal::unauthorized())
    }
}

/// The answer a scripted trouble gives.
pub(super) fn refusal(world: &World, call: &Call, trouble: Trouble) -> Refusal {
    let (resource, user) = (call.resource(), &world.options.user);
    let name = call.object_name();
    match trouble {
        Trouble::Unauthorized => Refusal::unauthorized(),
        Trouble::Forbidden if call.is_for_aws() => cluster::denied(call),
        Trouble::Forbidden => Refusal::forbidden(user, call.verb, resource, call.namespace(), name),
        Trouble::Conflict => {
            let own = call.body["metadata"]["name"].as_str().unwrap_or_default();
            Refusal::modified(resource, name.unwrap_or(own))
        }
        Trouble::Expired => Refusal::new(
            410,
            "Expired",
            "The provided continue parameter is too old to display a consistent list result.",
        ),
        Trouble::Throttled { retry_after } => Refusal::throttled(retry_after),
        Trouble::Unavailable => Refusal::unavailable(),
        Trouble::BadGateway => Refusal {
            plain: true,
            ..Refusal::new(502, "BadGateway", "<html><h1>502 Bad Gateway</h1></html>\n")
        },
        Trouble::Status { code, reason, message } => Refusal::new(code, reason, message),
        _ => Refusal::internal(),
    }
}

fn refused(refusal: &Refusal, for_aws: bool) -> Reply {
    let mut headers = Vec::new();
    if let Some(seconds) = refusal.retry_after {
        headers.push(("retry-after", seconds.to_string()));
    }
    if for_aws {
        let (kind, body) = cluster::error_body(refusal);
        headers.push(("x-amzn-errortype", kind));
        return Reply::Whole { status: refusal.code, headers, body };
    }
    let body = if refusal.plain {
        headers.push(("content-type", "text/plain; charset=utf-8".to_owned()));
        refusal.message.clone()
    } else {
        refusal.status().to_string()
    };
    Reply::Whole { status: refusal.code, headers, body }
}
