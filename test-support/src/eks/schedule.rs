//! Whether Fargate takes a pod.

use serde_json::Value;

use super::size::capacity;
use super::{EksOptions, FargateProfile};

/// The profile that takes the pod: the one its label names, or the first that matches.
pub(super) fn profile_of<'a>(
    options: &'a EksOptions,
    namespace: &str,
    pod: &Value,
) -> Option<&'a FargateProfile> {
    let labels = &pod["metadata"]["labels"];
    let named = labels["eks.amazonaws.com/fargate-profile"].as_str();
    let matches = |profile: &&FargateProfile| {
        profile.status == "ACTIVE"
            && named.is_none_or(|name| name == profile.name)
            && profile.selectors.iter().any(|selector| {
                fits(&selector.namespace, namespace)
                    && selector.labels.iter().all(|(name, wanted)| {
                        labels[name].as_str().is_some_and(|have| fits(wanted, have))
                    })
            })
    };
    // By name, as EKS picks among several.
    let mut profiles: Vec<&FargateProfile> = options.profiles.iter().collect();
    profiles.sort_by(|a, b| a.name.cmp(&b.name));
    profiles.into_iter().find(matches)
}

/// Why the pod cannot be scheduled; with `Ok` the annotation of its machine.
pub(super) fn place(pod: &Value) -> Result<String, String> {
    if pod["spec"]["schedulerName"] != "fargate-scheduler" {
        return Err("no nodes available to schedule pods".to_owned());
    }
    let spec = &pod["spec"];
    let mut fields = Vec::new();
    for (field, name) in
        [("hostNetwork", "HostNetwork"), ("hostPID", "HostPID"), ("hostIPC", "HostIPC")]
    {
        if spec[field] == true {
            fields.push(name);
        }
    }
    if !fields.is_empty() {
        let fields = fields.join(", ");
        return Err(format!("Pod not supported on Fargate: fields not supported: {fields}"));
    }
    let containers = spec["containers"].as_array().map(Vec::as_slice).unwrap_or_default();
    if containers.iter().any(|container| container["securityContext"]["privileged"] == true) {
        return Err(
            "Pod not supported on Fargate: invalid SecurityContext fields: Privileged".to_owned()
        );
    }
    capacity(pod).ok_or_else(|| {
        "Your pod's cpu/memory requirements exceed the max Fargate configuration".to_owned()
    })
}

/// A pattern with `*` and `?`.
fn fits(pattern: &str, text: &str) -> bool {
    match pattern.chars().next() {
        None => text.is_empty(),
        Some('*') => {
            let rest = &pattern[1..];
            text.char_indices().any(|(at, _)| fits(rest, &text[at..])) || fits(rest, "")
        }
        Some(wanted) => text.chars().next().is_some_and(|char| {
            (wanted == '?' || wanted == char)
                && fits(&pattern[wanted.len_utf8()..], &text[char.len_utf8()..])
        }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn patterns() {
        for (pattern, text) in [("ci", "ci"), ("ci-*", "ci-x"), ("*", ""), ("a?c*", "abcd")] {
            assert!(fits(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [("ci", "ci2"), ("ci-*", "ci"), ("?", ""), ("*b", "abc")] {
            assert!(!fits(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn what_fargate_does_not_run() {
        let pod = |spec: Value| json!({"spec": spec});
        let fargate = "fargate-scheduler";
        let good = json!({"schedulerName": fargate, "containers": [{}]});
        assert!(place(&pod(good)).is_ok());
        for (spec, said) in [
            (json!({"schedulerName": "default-scheduler"}), "no nodes available"),
            (json!({"schedulerName": fargate, "hostNetwork": true}), "HostNetwork"),
            (
                json!({"schedulerName": fargate,
                       "containers": [{"securityContext": {"privileged": true}}]}),
                "Privileged",
            ),
            (
                json!({"schedulerName": fargate,
                       "containers": [{"resources": {"requests": {"cpu": "64"}}}]}),
                "exceed",
            ),
        ] {
            assert!(place(&pod(spec)).unwrap_err().contains(said), "{said}");
        }
    }
}
