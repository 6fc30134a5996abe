//! What a cluster says somebody may not do, and the rule that would allow it.

/// Who may not do what.
#[derive(Debug, PartialEq, Eq)]
struct Denied<'a> {
    user: &'a str,
    verb: &'a str,
    resource: &'a str,
    group: &'a str,
    namespace: Option<&'a str>,
}

/// The rule that is missing, in the words of a Role: as the cluster names it in `message`, or
/// else for `verb` on `resource` in `namespace`.
pub(crate) fn missing_rule(message: &str, verb: &str, resource: &str, namespace: &str) -> String {
    let said = read(message).unwrap_or(Denied {
        user: "",
        verb,
        resource,
        group: "",
        namespace: Some(namespace),
    });
    // What one cluster takes for a WebSocket, the next version does not.
    let verbs = match said.resource {
        "pods/exec" | "pods/portforward" => "get\", \"create",
        _ => said.verb,
    };
    let (role, place) = match said.namespace {
        Some(namespace) => ("Role", format!(" in namespace {namespace}")),
        None => ("ClusterRole", String::new()),
    };
    let who = match said.user {
        "" => "the driver's user".to_owned(),
        user => format!("{user:?}"),
    };
    format!(
        "bind {who} to a {role}{place} with the rule {{apiGroups: [\"{}\"], resources: [\"{}\"], \
         verbs: [\"{verbs}\"]}}",
        said.group, said.resource
    )
}

/// Reads `User "u" cannot create resource "pods" in API group "" in the namespace "n"`.
fn read(message: &str) -> Option<Denied<'_>> {
    let user = quoted_after(message, "User ")?;
    let (_, rest) = message.split_once(" cannot ")?;
    let (verb, rest) = rest.split_once(" resource ")?;
    Some(Denied {
        user,
        verb,
        resource: quoted(rest)?,
        group: quoted_after(rest, "in API group ")?,
        namespace: quoted_after(rest, "in the namespace "),
    })
}

fn quoted_after<'a>(text: &'a str, before: &str) -> Option<&'a str> {
    quoted(text.split_once(before)?.1)
}

fn quoted(text: &str) -> Option<&str> {
    text.strip_prefix('"')?.split_once('"').map(|(inner, _)| inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_is_the_one_the_cluster_names() {
        let message = "pods is forbidden: User \"ci\" cannot create resource \"pods\" in API \
                       group \"\" in the namespace \"jobs\"";
        let rule = missing_rule(message, "list", "other", "elsewhere");
        assert_eq!(
            rule,
            "bind \"ci\" to a Role in namespace jobs with the rule {apiGroups: [\"\"], \
             resources: [\"pods\"], verbs: [\"create\"]}"
        );
        let message = "x is forbidden: User \"arn:aws:sts::1:assumed-role/ci/s\" cannot get \
                       resource \"pods/exec\" in API group \"apps\" at the cluster scope";
        let rule = missing_rule(message, "list", "other", "elsewhere");
        assert!(rule.contains("ClusterRole with") && rule.contains("pods/exec"), "{rule}");
        assert!(rule.contains("assumed-role/ci") && rule.contains("apps"), "{rule}");
    }

    #[test]
    fn a_stream_needs_two_verbs_whatever_the_cluster_says() {
        for resource in ["pods/exec", "pods/portforward"] {
            let said = format!(
                "pods \"x\" is forbidden: User \"ci\" cannot get resource \"{resource}\" in API \
                 group \"\" in the namespace \"jobs\""
            );
            for message in [said.as_str(), "pods \"x\" is forbidden: "] {
                let rule = missing_rule(message, "get", resource, "jobs");
                assert!(rule.contains("verbs: [\"get\", \"create\"]"), "{rule}");
            }
        }
    }

    #[test]
    fn without_words_of_the_clusters_the_call_tells() {
        for message in ["", "Forbidden", "User \"x", "User \"x\" cannot"] {
            let rule = missing_rule(message, "delete", "pods", "jobs");
            assert!(rule.contains("verbs: [\"delete\"]"), "{rule}");
            assert!(rule.contains("namespace jobs"), "{rule}");
        }
    }
}
