//! Lists that come in pages.

use serde_json::{Value, json};

use crate::ecs::api_error::ApiError;
use crate::ecs::request::Request;

/// How much a page may hold.
pub(super) fn page_size(request: &Request) -> Result<usize, ApiError> {
    match request.body.get("maxResults").and_then(Value::as_u64) {
        None => Ok(100),
        Some(most @ 1..=100) => Ok(usize::try_from(most).unwrap_or(100)),
        Some(_) => Err(ApiError::invalid("maxResults must be between 1 and 100.")),
    }
}

/// The page that was asked for of `all`. The last name of a page is where the next one goes on.
pub(super) fn page(field: &str, all: Vec<&str>, most: usize, request: &Request) -> Value {
    let after = request.text("nextToken");
    let mut found: Vec<&str> =
        all.into_iter().filter(|one| after.is_none_or(|after| *one > after)).collect();
    let more = found.len() > most;
    found.sort_unstable();
    found.truncate(most);
    let mut out = json!({field: found});
    if more {
        out["nextToken"] = found.last().copied().into();
    }
    out
}
