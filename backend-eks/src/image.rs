//! The image of a container, and what runs in it.

use fargate_core::{Error, ErrorKind, PullPolicy, Result, TaskImage};
use serde_json::{Value, json};

use crate::call::CREATE;

/// Sets an image over the container's own, with what belongs to it.
///
/// Assigned and not laid over: a list of the template's must not stay where the task's is empty.
///
/// # Errors
/// `Unsupported` for a platform that Fargate has not for pods, and for a user by name.
pub(crate) fn put(image: &TaskImage, container: &mut Value) -> Result<()> {
    check_platform(image)?;
    container["image"] = image.name.as_str().into();
    if let Some(policy) = image.pull_policy {
        container["imagePullPolicy"] = pull_policy(policy).into();
    }
    // Else what the template or the image says.
    let words = entry_point(image);
    if !words.is_empty() {
        container["command"] = words.iter().map(|word| literal(word)).collect();
        container["args"] = json!([]);
    }
    if let Some(user) = &image.user {
        let (user, group) = numbers(user).ok_or_else(|| named_user(image, user))?;
        container["securityContext"]["runAsUser"] = user.into();
        if let Some(group) = group {
            container["securityContext"]["runAsGroup"] = group.into();
        }
    }
    Ok(())
}

/// Lets a container run these words, behind the entry point that `image` brings.
pub(crate) fn run(image: Option<&TaskImage>, words: &[&str], container: &mut Value) {
    if image.is_some_and(|image| !entry_point(image).is_empty()) {
        container["args"] = json!(words);
    } else {
        container["command"] = json!(words);
        container["args"] = json!([]);
    }
}

/// "Fargate pods are x86-64": there is no other machine for them.
fn check_platform(image: &TaskImage) -> Result<()> {
    match image.platform.as_deref() {
        None | Some("linux/amd64") => Ok(()),
        Some(other) => {
            let what = format!("Fargate has no machine of the platform {other} for pods");
            Err(Error::new(ErrorKind::Unsupported, CREATE.op, what)
                .with("image", &image.name)
                .hint("take the image for linux/amd64, or run the job on ECS"))
        }
    }
}

/// The numbers in `user` or `user:group`.
fn numbers(user: &str) -> Option<(u32, Option<u32>)> {
    match user.split_once(':') {
        Some((user, group)) => Some((user.parse().ok()?, Some(group.parse().ok()?))),
        None => Some((user.parse().ok()?, None)),
    }
}

fn named_user(image: &TaskImage, user: &str) -> Error {
    let what = format!("the user {user:?} is no number, and Kubernetes takes no names");
    Error::new(ErrorKind::Unsupported, CREATE.op, what)
        .with("image", &image.name)
        .hint("say the number that the user has in the image, such as \"1000\" or \"1000:1000\"")
}

/// Lets a container do nothing until it is asked to end, behind the entry point that its task
/// brings. What an image says by itself is not run: it need not wait for anything. What the
/// template says is the operator's word.
pub(crate) fn wait_for_scripts(image: Option<&TaskImage>, container: &mut Value) {
    // Without a sleep it ends, and does not spin.
    const IDLE: &str = "trap 'exit 0' TERM INT; while sleep 86400 & wait $!; do :; done";
    let idle = json!(["sh", "-c", IDLE]);
    if image.is_some_and(|image| !entry_point(image).is_empty()) {
        container["args"] = idle;
    } else if container["command"].is_null() && container["args"].is_null() {
        container["command"] = idle;
    }
}

/// The entry point that is to run. Kubernetes cannot leave an image's own out without another.
fn entry_point(image: &TaskImage) -> &[String] {
    let none = image.entrypoint.iter().all(String::is_empty);
    if none { &[] } else { &image.entrypoint }
}

/// Kubernetes' words: "Image pull policy" in its documentation.
fn pull_policy(policy: PullPolicy) -> &'static str {
    match policy {
        PullPolicy::Always => "Always",
        PullPolicy::Never => "Never",
        // This, and whatever else there may be one day: a machine of Fargate's is new.
        _ => "IfNotPresent",
    }
}

/// A word that Kubernetes leaves as it is: it expands `$(NAME)` in commands, and `$$` stands for
/// `$` ("Define a Command and Arguments for a Container" in its documentation).
pub(crate) fn literal(word: &str) -> String {
    let mut text = String::with_capacity(word.len());
    let mut rest = word.chars().peekable();
    while let Some(next) = rest.next() {
        text.push(next);
        if next == '$' && matches!(rest.peek(), Some('$' | '(')) {
            text.push('$');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put_over(mut container: Value, image: &TaskImage) -> Value {
        put(image, &mut container).unwrap();
        container
    }

    #[test]
    fn the_tasks_image_goes_over_what_is_there() {
        let template = json!({"image": "old", "command": ["/agent"], "args": ["-v"],
            "imagePullPolicy": "Never", "env": []});
        let own = TaskImage::new("new:1").entrypoint(["/init", "x"]);
        assert_eq!(
            put_over(template.clone(), &own.pull_policy(PullPolicy::Always)),
            json!({"image": "new:1", "command": ["/init", "x"], "args": [],
                "imagePullPolicy": "Always", "env": []})
        );
        assert_eq!(
            put_over(template, &TaskImage::new("new:1")),
            json!({"image": "new:1", "command": ["/agent"], "args": ["-v"],
                "imagePullPolicy": "Never", "env": []})
        );
        assert_eq!(put_over(json!({}), &TaskImage::new("a")), json!({"image": "a"}));
        let none = TaskImage::new("a").entrypoint([""]);
        assert_eq!(put_over(json!({}), &none), json!({"image": "a"}));
    }

    #[test]
    fn a_container_waits_behind_the_tasks_entry_point_or_instead_of_the_images() {
        let waiting = |image: Option<&TaskImage>, mut container: Value| {
            if let Some(image) = image {
                put(image, &mut container).unwrap();
            }
            wait_for_scripts(image, &mut container);
            (container["command"][0].clone(), container["args"][0].clone())
        };
        assert_eq!(waiting(None, json!({})), (json!("sh"), Value::Null));
        let plain = TaskImage::new("a");
        assert_eq!(waiting(Some(&plain), json!({})), (json!("sh"), Value::Null));
        let own = TaskImage::new("a").entrypoint(["/init"]);
        assert_eq!(waiting(Some(&own), json!({})), (json!("/init"), json!("sh")));
        let template = json!({"command": ["/agent"]});
        assert_eq!(waiting(Some(&own), template.clone()), (json!("/init"), json!("sh")));
        assert_eq!(waiting(Some(&plain), template), (json!("/agent"), Value::Null));
        assert_eq!(waiting(None, json!({"args": ["x"]})), (Value::Null, json!("x")));
    }

    #[test]
    fn each_pull_policy_has_kubernetes_word() {
        let words = [
            (PullPolicy::Always, "Always"),
            (PullPolicy::IfNotPresent, "IfNotPresent"),
            (PullPolicy::Never, "Never"),
        ];
        for (policy, word) in words {
            assert_eq!(pull_policy(policy), word);
        }
    }

    /// What the kubelet does with a command, by its documentation: from left to right `$$` becomes
    /// `$`, a reference to a known variable its value, and everything else stays.
    fn by_the_kubelet(word: &str) -> String {
        word.replace("$$", "\0").replace("$(HOME)", "/root").replace('\0', "$")
    }

    #[test]
    fn an_entry_point_is_taken_literally() {
        for word in
            ["", "$", "$$", "$$$", "$HOME", "${HOME}", "$(HOME)", "$$(HOME)", "a$(b)$", "ä$("]
        {
            assert_eq!(by_the_kubelet(&literal(word)), word, "{}", literal(word));
        }
        assert_eq!(literal("echo $HOME"), "echo $HOME");
        assert_eq!(literal("$(HOME)"), "$$(HOME)");
    }
}
