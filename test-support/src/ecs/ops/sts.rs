//! STS `AssumeRole` and `GetCallerIdentity`.

use crate::ecs::api_error::ApiError;
use crate::ecs::ids;
use crate::ecs::request::{Request, Service};
use crate::ecs::state::World;
use crate::sts::{self, NoRole};
use crate::xml::element;

pub(super) fn assume_role(world: &World, request: &Request) -> Result<String, ApiError> {
    let credentials = &mut world.memory().credentials;
    let field = |name: &str| request.text(name);
    sts::assume_role(&world.options.roles, None, field, credentials).map_err(
        |refused| match refused {
            NoRole::Invalid(message) => ApiError::new(400, "ValidationError", message),
            NoRole::Denied(role) => {
                ApiError::denied(Service::Sts, &request.who, "AssumeRole", &role)
            }
        },
    )
}

pub(super) fn caller(request: &Request) -> String {
    let id = "AIDATESTDOUBLE000000";
    element("UserId", id) + &element("Account", ids::ACCOUNT) + &element("Arn", &request.who)
}
