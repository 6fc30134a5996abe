//! EC2 `DescribeNetworkInterfaces`.

use crate::ecs::api_error::ApiError;
use crate::ecs::ids;
use crate::ecs::request::Request;
use crate::ecs::state::World;
use crate::ecs::task::{State, Task};
use crate::xml::element;

pub(super) fn describe_interfaces(world: &World, request: &Request) -> Result<String, ApiError> {
    let fields = request.body.as_object().into_iter().flatten();
    let mut asked: Vec<&str> = fields
        .filter(|(name, _)| name.starts_with("NetworkInterfaceId."))
        .filter_map(|(_, value)| value.as_str())
        .collect();
    let mut memory = world.memory();
    let hidden = memory.faults.hides_association();
    let there = |task: &&Task| (State::Pending..State::Deprovisioning).contains(&task.state);
    if asked.is_empty() {
        asked = memory.tasks.values().filter(there).map(|task| &*task.interface.id).collect();
    }
    let mut items = String::new();
    for id in asked {
        let Some(task) = memory.tasks.values().filter(there).find(|task| task.interface.id == id)
        else {
            return Err(ApiError::new(
                400,
                "InvalidNetworkInterfaceID.NotFound",
                format!("The networkInterface ID '{id}' does not exist"),
            ));
        };
        items += &element_of(world, task, hidden);
    }
    Ok(format!("<networkInterfaceSet>{items}</networkInterfaceSet>"))
}

fn element_of(world: &World, task: &Task, hidden: bool) -> String {
    let interface = &task.interface;
    let address = interface.address.to_string();
    let association = match interface.public_address {
        Some(public) if !hidden => format!(
            "<association>{}{}{}</association>",
            element("ipOwnerId", "amazon"),
            element(
                "publicDnsName",
                &format!("ec2-{}.example.com", public.to_string().replace('.', "-"))
            ),
            element("publicIp", &public.to_string()),
        ),
        _ => String::new(),
    };
    let group = |id: &String| {
        format!("<item>{}{}</item>", element("groupId", id), element("groupName", id))
    };
    let groups: String = interface.security_groups.iter().map(group).collect();
    let fields: String = [
        ("networkInterfaceId", interface.id.as_str()),
        ("subnetId", &interface.subnet),
        ("vpcId", "vpc-0a1b2c3d4e5f60001"),
        ("availabilityZone", &world.zone(&interface.subnet)),
        (
            "description",
            &format!(
                "arn:aws:ecs:{}:{}:attachment/{}",
                world.options.region,
                ids::ACCOUNT,
                interface.attachment_id
            ),
        ),
        ("ownerId", ids::ACCOUNT),
        ("status", "in-use"),
        ("macAddress", &interface.mac),
        ("privateIpAddress", &address),
    ]
    .into_iter()
    .map(|(name, text)| element(name, text))
    .collect();
    format!(
        "<item>{fields}<groupSet>{groups}</groupSet>{association}<privateIpAddressesSet><item>{}\
         <primary>true</primary>{association}</item></privateIpAddressesSet></item>",
        element("privateIpAddress", &address),
    )
}
