//! The XML that EC2 answers with.

use roxmltree::{Document, Node};

/// The public IPv4 address in a DescribeNetworkInterfaces answer; absent until AWS has
/// associated one.
///
/// Source: EC2 API reference, DescribeNetworkInterfaces, NetworkInterfaceAssociation.
pub(crate) fn public_ip(body: &str) -> Result<Option<String>, roxmltree::Error> {
    let document = Document::parse(body)?;
    Ok(document
        .descendants()
        .filter(|node| node.has_tag_name(name_in(&document, "association")))
        .find_map(|association| text(association, "publicIp")))
}

/// Code, message and request id of an error answer.
///
/// Source: EC2 API reference, "Error codes": `Response/Errors/Error` and `RequestID`.
pub(crate) fn error(body: &str) -> Option<(String, String, Option<String>)> {
    let document = Document::parse(body).ok()?;
    let error = document.descendants().find(|node| node.tag_name().name() == "Error")?;
    let request = document
        .descendants()
        .find(|node| matches!(node.tag_name().name(), "RequestID" | "RequestId"))
        .and_then(|node| node.text())
        .map(ToOwned::to_owned);
    Some((text(error, "Code")?, text(error, "Message").unwrap_or_default(), request))
}

/// `name` in the namespace of the document.
fn name_in<'a>(document: &'a Document<'_>, name: &'a str) -> roxmltree::ExpandedName<'a, 'a> {
    match document.root_element().tag_name().namespace() {
        Some(namespace) => (namespace, name).into(),
        None => name.into(),
    }
}

fn text(parent: Node<'_, '_>, name: &str) -> Option<String> {
    parent
        .children()
        .find(|node| node.tag_name().name() == name)
        .and_then(|node| node.text())
        .map(|text| text.trim().to_owned())
        .filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<DescribeNetworkInterfacesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">
  <requestId>r</requestId>
  <networkInterfaceSet><item>
    <networkInterfaceId>eni-1</networkInterfaceId>
    ASSOCIATION
    <privateIpAddressesSet><item><privateIpAddress>10.0.0.1</privateIpAddress></item>
    </privateIpAddressesSet>
  </item></networkInterfaceSet>
</DescribeNetworkInterfacesResponse>"#;

    #[test]
    fn the_public_address_is_in_the_association() {
        let with = ANSWER.replace(
            "ASSOCIATION",
            "<association><publicIp>198.51.100.7</publicIp><ipOwnerId>a</ipOwnerId></association>",
        );
        assert_eq!(public_ip(&with).unwrap().as_deref(), Some("198.51.100.7"));
        assert_eq!(public_ip(&ANSWER.replace("ASSOCIATION", "")).unwrap(), None);
        assert!(public_ip("<html>").is_err());
    }

    #[test]
    fn an_error_answer_gives_code_message_and_request() {
        let body = "<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>You are \
                    not authorized</Message></Error></Errors><RequestID>r-9</RequestID></Response>";
        let (code, message, request) = error(body).unwrap();
        assert_eq!(code, "UnauthorizedOperation");
        assert_eq!(message, "You are not authorized");
        assert_eq!(request.as_deref(), Some("r-9"));
        assert_eq!(error("gateway timeout"), None);
    }
}
