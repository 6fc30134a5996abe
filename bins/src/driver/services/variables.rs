//! The environment of services.

use std::collections::BTreeMap;

use super::{Chosen, authors};
use crate::driver::refusal::Refusal;
use crate::gitlab::JobService;

/// Gives each service its environment: what the job's author wrote for everybody to see, and over
/// it the service's own. Where `room` is too small for both, in characters, it is the service's own
/// alone, and the answer says so.
///
/// # Errors
/// The author's for a value that no environment holds, and for more than there is room for.
pub(super) fn give(
    services: &mut [Chosen],
    asked: &[JobService],
    room: usize,
) -> Result<Option<String>, Refusal> {
    let both = |one: &JobService| {
        let mut all = one.inherited.clone();
        all.extend(one.variables.clone());
        all
    };
    for one in asked {
        if let Some((name, _)) = both(one).iter().find(|(_, value)| value.contains('\0')) {
            let shown = &one.image.shown;
            let why = format!("the service {shown}: its variable {name} has a zero byte");
            return Err(authors(why, "no environment can hold that"));
        }
    }
    let fits = |all: &[BTreeMap<String, String>]| all.iter().map(characters).sum::<usize>() <= room;
    let mut given: Vec<_> = asked.iter().map(both).collect();
    let mut note = None;
    if !fits(&given) {
        given = asked.iter().map(|one| one.variables.clone()).collect();
        note = Some(format!(
            "WARNING: services get only the variables that they have themselves: with the job's, \
             they would take more than the {room} characters there is room for"
        ));
    }
    if !fits(&given) {
        let message = format!("the services' variables take more than {room} characters");
        return Err(authors(message, "give the services fewer or shorter variables"));
    }
    for (service, variables) in services.iter_mut().zip(given) {
        service.service.variables = variables;
    }
    Ok(note)
}

/// How many characters these take as ECS counts them: in JSON.
fn characters(variables: &BTreeMap<String, String>) -> usize {
    let one = |(name, value): (&String, &String)| {
        serde_json::json!({"name": name, "value": value}).to_string().chars().count() + 1
    };
    variables.iter().map(one).sum()
}
