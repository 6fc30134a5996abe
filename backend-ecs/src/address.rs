//! Where a task's network interface is mentioned, and its private address.

use aws_sdk_ecs::types::{NetworkInterface, Task};

/// The private IPv4 address. The attachment has it while the task is still PENDING, the
/// containers only when it runs.
pub(crate) fn private_ip(task: &Task) -> Option<&str> {
    attached(task, "privateIPv4Address").or_else(|| {
        task.containers()
            .iter()
            .flat_map(aws_sdk_ecs::types::Container::network_interfaces)
            .find_map(NetworkInterface::private_ipv4_address)
    })
}

/// The id of the elastic network interface.
pub(crate) fn interface_id(task: &Task) -> Option<&str> {
    attached(task, "networkInterfaceId")
}

/// The subnet it is in.
pub(crate) fn subnet_id(task: &Task) -> Option<&str> {
    attached(task, "subnetId")
}

fn attached<'a>(task: &'a Task, name: &str) -> Option<&'a str> {
    task.attachments()
        .iter()
        .filter(|attachment| attachment.r#type() == Some("ElasticNetworkInterface"))
        .flat_map(aws_sdk_ecs::types::Attachment::details)
        .find(|detail| detail.name() == Some(name))
        .and_then(|detail| detail.value())
        .filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use aws_sdk_ecs::types::{Attachment, Container, KeyValuePair};

    use super::*;

    fn interface(kind: &str, ip: &str) -> Attachment {
        let detail =
            |name: &str, value: &str| KeyValuePair::builder().name(name).value(value).build();
        Attachment::builder()
            .r#type(kind)
            .details(detail("networkInterfaceId", "eni-1"))
            .details(detail("privateIPv4Address", ip))
            .build()
    }

    #[test]
    fn the_attachment_knows_the_address_first() {
        let task = Task::builder()
            .attachments(interface("ServiceConnect", "10.0.0.9"))
            .attachments(interface("ElasticNetworkInterface", "10.0.0.1"))
            .build();
        assert_eq!(private_ip(&task), Some("10.0.0.1"));
        assert_eq!(interface_id(&task), Some("eni-1"));
    }

    #[test]
    fn the_containers_know_it_too() {
        let interface = NetworkInterface::builder().private_ipv4_address("10.0.0.2").build();
        let task = Task::builder()
            .containers(Container::builder().name("sidecar").build())
            .containers(Container::builder().network_interfaces(interface).build())
            .build();
        assert_eq!(private_ip(&task), Some("10.0.0.2"));
        assert_eq!(interface_id(&task), None);
    }
}
